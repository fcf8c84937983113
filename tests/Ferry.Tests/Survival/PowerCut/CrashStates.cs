using Ferry.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>What became of the writes that no flush had followed when the power went.</summary>
internal enum Unflushed
{
    Lost,
    Kept,

    /// <summary>Each with even odds, whatever their order.</summary>
    Some,
}

/// <summary>
/// The images that a power cut could have left: everything in front of the last flush before the cut, and of what came after it none, all or some.
/// A write that was under way while a flush was made counts as flushed by it: the loop device hands on one after the other.
/// </summary>
/// <param name="image">A copy of the image as it was when the log began; it is carried forward.</param>
/// <param name="log">What was done to it.</param>
/// <param name="crashed">Where each image is made, over the one before.</param>
internal sealed class CrashStates(string image, LoggedWrite[] log, string crashed) : IDisposable
{
    private readonly SafeFileHandle flushed = File.OpenHandle(image, FileMode.Open, FileAccess.ReadWrite);
    private int done;

    /// <param name="cut">How many writes and flushes had come; it never goes back.</param>
    /// <param name="fate">Of those behind the last flush.</param>
    /// <param name="random">Chooses among them.</param>
    public void Make(int cut, Unflushed fate, Random random)
    {
        int lastFlush = Array.FindLastIndex(log, cut - 1, write => write.IsFlush);
        for (; done < lastFlush; done++)
        {
            Apply(flushed, log[done]);
        }
        Tool.Run("cp", "--sparse=always", image, crashed);
        using SafeFileHandle target = File.OpenHandle(crashed, FileMode.Open, FileAccess.Write);
        foreach (LoggedWrite write in log[(lastFlush + 1)..cut])
        {
            if (fate == Unflushed.Kept || (fate == Unflushed.Some && random.Next(2) == 0))
            {
                Apply(target, write);
            }
        }
    }

    public void Dispose() => flushed.Dispose();

    private static void Apply(SafeFileHandle target, LoggedWrite write)
    {
        if (write.Bytes is { } bytes)
        {
            RandomAccess.Write(target, bytes, write.Offset);
        }
    }
}
