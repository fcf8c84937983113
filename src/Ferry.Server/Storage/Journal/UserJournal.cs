using Ferry.Files;

namespace Ferry.Server.Storage.Journal;

/// <summary>One user's journal, open while a delivery of that user with a key is connected, or longer. Any thread may use it.</summary>
internal sealed class UserJournal : IDisposable
{
    /// <summary>How long a receipt can be given again.</summary>
    public static readonly TimeSpan Age = TimeSpan.FromHours(24);

    /// <summary>A journal is not written anew for less than this.</summary>
    private const long LeastRewritten = 8 << 20;

    private readonly ConfinedDirectory directory;
    private readonly FerryPath name;
    private readonly TimeProvider time;
    private readonly JournalState state = new();
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
            List<JournalRecord> settled = recovery.Settle(state, mayBeCut, Now);
            if (mayBeCut)
            {
                settled.Insert(0, new JournalRecord { Event = JournalEvent.Boot, Id = boot, At = Now });
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

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private long Oldest => Now - (long)Age.TotalMilliseconds;

    /// <summary>The record of a file that was published by anybody but the given writer; null when none is remembered.</summary>
    public JournalRecord? FindDone(UInt128 arrival, object asker)
    {
        lock (gate)
        {
            return state.FindDone(arrival) is { } record && record.At >= Oldest && record.Writer != asker ? record : null;
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
    /// <param name="arrivals">The files.</param>
    /// <param name="flush">Whether that must be on the device when this returns.</param>
    /// <exception cref="FerryException">It could not be written or not be flushed: they must not be published, though it may stand there.</exception>
    public void Intend(IReadOnlyList<Arrival> arrivals, bool flush)
    {
        long now = Now;
        long began;
        lock (gate)
        {
            began = Interlocked.Read(ref generation);
            Append([.. arrivals.Select(arrival => new JournalRecord
            {
                Event = JournalEvent.Intent,
                Id = arrival.Id,
                At = now,
                Name = arrival.Offer.Name,
                Size = arrival.Offer.Size,
                Modified = arrival.Offer.Metadata.Modified,
                Receipt = arrival.Receipt with { Name = default, Level = arrival.Level },
                Staged = arrival.Staged,
            })]);
        }
        if (flush)
        {
            Flush(began);
        }
    }

    /// <summary>Writes what became of files, in one write.</summary>
    /// <param name="settled">The files; with the name of each that is published.</param>
    /// <param name="writer">Who stored them.</param>
    /// <returns>False when it could not be written: then the next start finds out, from what is there.</returns>
    public bool TrySettle(IReadOnlyList<(Arrival Arrival, FerryPath? StoredAs)> settled, object writer)
    {
        long now = Now;
        List<JournalRecord> records = [.. settled.Select(item => new JournalRecord
        {
            Event = item.StoredAs is null ? JournalEvent.Cancelled : JournalEvent.Done,
            Id = item.Arrival.Id,
            At = now,
            Name = item.StoredAs is { } name && name != item.Arrival.Offer.Name ? name : default,
            Writer = writer,
        })];
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
                Id = delivery,
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
                throw new FerryException(FerryErrorCode.StorageError, "a flush of the journal of deliveries failed; send again");
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
            // The old file is as good; it is tried again when that has grown further.
            rewriteAt = file.Length + LeastRewritten;
        }
    }

    private void Rewrite()
    {
        state.ForgetBefore(Oldest);
        JournalFile fresh = JournalFile.Rewrite(directory, name, state.Records);
        file.Dispose();
        file = fresh;
        rewriteAt = Math.Max(LeastRewritten, 2 * file.Length);
    }
}
