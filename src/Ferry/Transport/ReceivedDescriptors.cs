using Microsoft.Win32.SafeHandles;

namespace Ferry.Transport;

/// <summary>The descriptors of one message: the only owner of each until it is taken. What is not taken is closed.</summary>
/// <param name="end">How many bytes of the stream had been received with them: the message they belong to holds the last of these.</param>
/// <param name="descriptors">The descriptors; owned from now on.</param>
/// <param name="isComplete">False when more were sent than this process could take.</param>
internal sealed class ReceivedDescriptors(long end, IReadOnlyList<SafeFileHandle> descriptors, bool isComplete) : IDisposable
{
    private readonly SafeFileHandle?[] held = [.. descriptors];

    public long End => end;

    public int Count => held.Length;

    public bool IsComplete => isComplete;

    /// <summary>Takes one; the caller owns it.</summary>
    public SafeFileHandle Take(int index)
    {
        SafeFileHandle taken = held[index]!;
        held[index] = null;
        return taken;
    }

    public void Dispose()
    {
        foreach (SafeFileHandle? descriptor in held)
        {
            descriptor?.Dispose();
        }
    }
}
