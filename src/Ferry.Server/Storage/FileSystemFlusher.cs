using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>
/// Flushes the file system of the served directory as a whole, which costs many small files a fraction of what a flush of each does. Through
/// the root's descriptor, which was opened before anything was written: a write-back error is reported once to each descriptor, and never to
/// one opened after it (invariant 2). Only on file systems where this flushes data and names, and on kernels that report errors of it.
/// </summary>
internal sealed class FileSystemFlusher(ConfinedDirectory root)
{
    /// <summary>Since then syncfs(2) reports errors of the journal as well as those of write-back.</summary>
    private static readonly Version FirstKernel = new(5, 17);

    private long generation;
    private FerryException? failure;

    /// <summary>
    /// Grows with each failure. An error may be that of any file not yet flushed, so who took the number before writing and finds another one
    /// after a flush has lost.
    /// </summary>
    public long Generation => Volatile.Read(ref generation);

    /// <summary>True where a flush of the whole is as good as one of each file.</summary>
    public bool IsUsable { get; } = root.GetFileSystemStatus().FlushesAsWhole && Environment.OSVersion.Version >= FirstKernel;

    /// <summary>Flushes everything written so far. One caller at a time.</summary>
    public void Flush()
    {
        try
        {
            root.FlushFileSystem();
        }
        catch (FerryException e)
        {
            failure = e;
            Interlocked.Increment(ref generation);
        }
    }

    /// <summary>Makes sure that no flush has failed since a number was taken.</summary>
    /// <exception cref="FerryException">One has; it is never tried again.</exception>
    public void ThrowIfFailedSince(long taken)
    {
        if (Generation != taken)
        {
            throw new FerryException(failure!.Code, failure.Message, failure);
        }
    }
}
