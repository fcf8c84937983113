using Ferry.Files;

namespace Ferry.Server.Storage.Journal;

/// <summary>One user's journal, open while a delivery of that user with a key is connected, or longer. Any thread may use it.</summary>
internal sealed class UserJournal : IDisposable
{
    /// <summary>How long a receipt can be given again.</summary>
    public static readonly TimeSpan Age = TimeSpan.FromHours(24);

    /// <summary>A journal is not written anew for less than this.</summary>
    private const long LeastRewritten = 32 << 20;

    private readonly ConfinedDirectory directory;
    private readonly FerryPath name;
    private readonly TimeProvider time;
    private JournalState state = new();
    private readonly Lock gate = new();
    private readonly Lock flushing = new();
    private JournalFile file;
    private long rewriteAt;

    /// <summary>Grows with each failed flush: who appended before one cannot rely on it.</summary>
    private long generation;

    /// <param name="directory">Where it is.</param>
    /// <param name="name">Its name there.</param>
    /// <param name="recovery">Finds out what became of what was begun and is not settled: by a server that has died, or one that could not write.</param>
    /// <param name="boot">This run of the machine.</param>
    /// <param name="time">For ages.</param>
    /// <exception cref="FerryException">It cannot be opened.</exception>
    public UserJournal(ConfinedDirectory directory, FerryPath name, JournalRecovery recovery, UInt128 boot, TimeProvider time)
    {
        this.directory = directory;
        this.name = name;
        this.time = time;
        file = JournalFile.Open(directory, name, state.Apply);
        state.ForgetBefore(Oldest);
        rewriteAt = LeastRewritten;
        try
        {
            bool mayBeCut = state.Boot != boot;
            List<JournalRecord> settled = recovery.Settle(state, file, mayBeCut, Now);
            if (mayBeCut)
            {
                settled.Insert(0, new JournalRecord { Event = JournalEvent.Boot, Ids = [boot], At = Now });
            }
            if (settled.Count > 0)
            {
                Append(settled);
            }
        }
        catch
        {
            file.Dispose();
            throw;
        }
        RewriteIfDue();
    }

    /// <summary>
    /// False when it is to be read again before another delivery uses it: something was begun and it is not known what became of it, what the file holds is not
    /// known, or somebody else has done something to it.
    /// </summary>
    public bool IsSettled
    {
        get
        {
            lock (gate)
            {
                return !file.IsBroken && file.IsAsItWasLeft && state.Pending.Count == 0 && state.Making.Count == 0;
            }
        }
    }

    /// <summary>The time, in milliseconds since 1970.</summary>
    public long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private long Oldest => Now - (long)Age.TotalMilliseconds;

    /// <summary>What stands of a file that was published by anybody but the asker.</summary>
    /// <param name="arrival">The file.</param>
    /// <param name="asker">The connection that asks.</param>
    /// <returns>Its intent, and the name that it got; null when none is remembered.</returns>
    /// <exception cref="FerryException">The journal cannot be read.</exception>
    public (JournalRecord Intent, FerryPath StoredAs)? FindDone(UInt128 arrival, long asker)
    {
        lock (gate)
        {
            if (state.FindDone(arrival) is not ({ } known, { } otherName) || known.At < Oldest || known.Writer == asker
                || file.TryRead(known.Intent) is not { } intent || intent.Id != arrival)
            {
                return null;
            }
            return (intent, otherName.IsEmpty ? intent.Name : otherName);
        }
    }

    /// <summary>False when no file of a delivery is remembered.</summary>
    public bool MayKnow(UInt128 delivery)
    {
        lock (gate)
        {
            return state.MayKnow(delivery);
        }
    }

    /// <summary>The directories that a delivery has made and not ended.</summary>
    public IEnumerable<DirectoryIdentity> MadeBy(UInt128 delivery)
    {
        lock (gate)
        {
            return state.MadeBy(delivery);
        }
    }

    /// <summary>Writes that files are about to be published, in one write. They are to be settled whether this succeeds or not.</summary>
    /// <param name="intents">The files.</param>
    /// <param name="flush">Whether that must be on the device when this returns.</param>
    /// <exception cref="FerryException">It could not be written or not be flushed: they must not be published, though it may stand there.</exception>
    public void Intend(IReadOnlyList<JournalRecord> intents, bool flush)
    {
        long began;
        lock (gate)
        {
            began = Interlocked.Read(ref generation);
            Append(intents);
        }
        if (flush)
        {
            Flush(began);
        }
    }

    /// <summary>Writes what became of files, in one write.</summary>
    /// <param name="settled">The files; with the name of each that is published.</param>
    /// <param name="writer">The connection that stored them.</param>
    /// <returns>False when it could not be written: then the next start finds out, from what is there.</returns>
    public bool TrySettle(IReadOnlyList<(JournalRecord Intent, FerryPath? StoredAs)> settled, long writer)
    {
        List<JournalRecord> records = JournalRecord.Settled(settled, Now, writer);
        lock (gate)
        {
            try
            {
                Append(records);
                return true;
            }
            catch (FerryException)
            {
                // What is published stays so, and this run remembers it.
                records.FindAll(record => record.Event == JournalEvent.Done).ForEach(state.Apply);
                return false;
            }
        }
    }

    /// <summary>Writes something about a directory.</summary>
    /// <exception cref="FerryException">It could not be written.</exception>
    public void Write(JournalEvent happened, UInt128 delivery, FerryPath path, DirectoryIdentity? identity = null)
    {
        lock (gate)
        {
            Append([new JournalRecord
            {
                Event = happened,
                Ids = [delivery],
                At = Now,
                Name = path,
                Staged = identity is { } known ? new StagedIdentity(default, default, known.Inode, known.Born) : default,
            }]);
        }
    }

    public void Dispose() => file.Dispose();

    private void Append(IReadOnlyList<JournalRecord> records)
    {
        if (file.IsBroken)
        {
            Rewrite();
        }
        file.Append(records);
        foreach (JournalRecord record in records)
        {
            state.Apply(record);
        }
        RewriteIfDue();
    }

    /// <summary>Flushers take turns, because an error is told to one of them only; it is the failure of all that appended before.</summary>
    private void Flush(long began)
    {
        lock (flushing)
        {
            JournalFile current;
            lock (gate)
            {
                current = file;
            }
            try
            {
                current.Flush();
            }
            catch (FerryException)
            {
                Interlocked.Increment(ref generation);
                throw;
            }
            catch (ObjectDisposedException)
            {
                // It was written anew meanwhile, which has flushed everything.
            }
            if (Interlocked.Read(ref generation) != began)
            {
                throw NotFlushed();
            }
        }
    }

    private void RewriteIfDue()
    {
        if (file.Length < rewriteAt)
        {
            return;
        }
        try
        {
            Rewrite();
        }
        catch (FerryException)
        {
            // The old file is as good, and it is tried again when that has grown further; or the new one is broken, and gives way to another at the next append.
            rewriteAt = file.Length + LeastRewritten;
        }
    }

    private void Rewrite()
    {
        JournalState copy = state;
        JournalFile fresh = JournalFile.Rewrite(directory, name, fresh => copy = state.CopyTo(fresh, file, Oldest));
        file.Dispose();
        (file, state) = (fresh, copy);
        rewriteAt = Math.Max(LeastRewritten, 2 * file.Length);
        if (file.IsBroken)
        {
            Interlocked.Increment(ref generation);
            throw NotFlushed();
        }
    }

    private static FerryException NotFlushed() => new(FerryErrorCode.StorageError, "a flush of the journal of deliveries failed; send again");
}
