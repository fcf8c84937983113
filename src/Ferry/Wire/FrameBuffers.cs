using System.Collections.Concurrent;

namespace Ferry.Wire;

/// <summary>
/// The large buffers that connections read content into, shared so that an idle connection holds none. When very many are in use at a time, further
/// ones are smaller, so that thousands of connections do not take the memory of thousands of large buffers.
/// </summary>
internal static class FrameBuffers
{
    /// <summary>256 KiB of content, the header of the frame after it, and no more: one receive then ends where a frame ends.</summary>
    public const int Size = 256 * 1024 + FrameHeader.Size;

    /// <summary>Enough for the longest content that is handed on whole.</summary>
    private const int ModestSize = ProtocolLimits.MaxInlineBytes + FrameHeader.Size;

    private const int MostLarge = 32;
    private const int MostModestKept = 128;

    private static readonly ConcurrentBag<byte[]> Large = [];
    private static readonly ConcurrentBag<byte[]> Modest = [];
    private static int inUse;

    /// <summary>A buffer of at least the given length, at most <see cref="Size"/>.</summary>
    public static byte[] Rent(int least = 0)
    {
        bool modest = Interlocked.Increment(ref inUse) > MostLarge && least <= ModestSize;
        return (modest ? Modest : Large).TryTake(out byte[]? buffer) ? buffer : GC.AllocateUninitializedArray<byte>(modest ? ModestSize : Size);
    }

    /// <summary>Takes a buffer back. What is kept is used again before anything is allocated: large garbage stays for long.</summary>
    public static void Return(byte[] buffer)
    {
        Interlocked.Decrement(ref inUse);
        (ConcurrentBag<byte[]> kept, int most) = buffer.Length == Size ? (Large, MostLarge) : (Modest, MostModestKept);
        if (kept.Count < most)
        {
            kept.Add(buffer);
        }
    }
}
