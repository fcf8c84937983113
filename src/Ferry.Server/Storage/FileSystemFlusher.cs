using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>
/// Flushes what many files have in common: their directory, or the file system of the served directory as a whole, which costs small files a fraction of
/// what a flush of each does. The kernel reports an error once, and a flush after it succeeds without what was lost; so a failure is everybody's who began before
/// it (invariant 2).
/// </summary>
/// <remarks>
/// The whole is flushed through the root's descriptor, which was opened before anything was written: to one opened later an earlier error may not be reported. That is
/// done only on file systems where it flushes data and names, and on kernels that report errors of it.
/// </remarks>
internal sealed class FileSystemFlusher(ConfinedDirectory root)
{
    /// <summary>Since then syncfs(2) reports errors of the journal as well as those of write-back.</summary>
    private static readonly Version FirstKernel = new(5, 17);

    private readonly Dictionary<DirectoryIdentity, Turn> turns = [];
    private long generation;
    private FerryException? failure;

    /// <summary>
    /// Grows with each failure. An error may be that of anything not yet flushed, so who took the number before writing and finds another one
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
            Fail(e);
        }
    }

    /// <summary>
    /// Flushes a directory. Those who ask while it is being flushed share the next flush of it; none begins before a failure of the one before is known.
    /// Any thread may call it, and has to ask afterwards whether one has failed since it began.
    /// </summary>
    /// <exception cref="FerryException">The flush failed.</exception>
    public void Flush(ConfinedDirectory directory)
    {
        DirectoryIdentity identity = DirectoryIdentity.Of(directory);
        (Turn turn, long number) = Ask(identity);
        try
        {
            lock (turn)
            {
                if (turn.Flushed >= number)
                {
                    return;
                }
                lock (turns)
                {
                    number = turn.Asked;
                }
                try
                {
                    directory.Flush();
                }
                catch (FerryException e)
                {
                    Fail(e);
                    throw;
                }
                finally
                {
                    turn.Flushed = number;
                }
            }
        }
        finally
        {
            Leave(identity, turn);
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

    private void Fail(FerryException reason)
    {
        failure = reason;
        Interlocked.Increment(ref generation);
    }

    private (Turn Turn, long Number) Ask(DirectoryIdentity identity)
    {
        lock (turns)
        {
            if (!turns.TryGetValue(identity, out Turn? turn))
            {
                turn = new Turn();
                turns.Add(identity, turn);
            }
            turn.Users++;
            return (turn, ++turn.Asked);
        }
    }

    private void Leave(DirectoryIdentity identity, Turn turn)
    {
        lock (turns)
        {
            if (--turn.Users == 0)
            {
                turns.Remove(identity);
            }
        }
    }

    /// <summary>Who wants one directory flushed. The numbers are those of the callers, in the order in which they came.</summary>
    private sealed class Turn
    {
        public int Users { get; set; }

        public long Asked { get; set; }

        /// <summary>The last one for whom it was flushed, or failed to be.</summary>
        public long Flushed { get; set; }
    }
}
