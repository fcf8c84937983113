namespace Ferry.Server.Storage.Journal;

/// <summary>
/// What the records of a journal amount to, within bounds: the oldest are forgotten first. Of files only where their records stand is in memory, because a receipt
/// is rarely asked for again.
/// </summary>
internal sealed class JournalState
{
    /// <summary>So many receipts are remembered for a user where names are not very long, and up to twice as many: they are forgotten together.</summary>
    public const int LeastDone = 16_384;

    /// <summary>Directories begun and not ended that are remembered for a user.</summary>
    public const int MostMade = 16_384;

    private readonly Dictionary<UInt128, RememberedFile> pending = [];
    private readonly Dictionary<(UInt128 Delivery, FerryPath Name), JournalRecord> making = [];
    private readonly Dictionary<(UInt128 Delivery, DirectoryIdentity Directory), LinkedListNode<JournalRecord>> made = [];
    private readonly LinkedList<JournalRecord> madeInOrder = [];

    // A file that is in both, or is pending, was stored again: only the newest counts.
    private PublishedFiles older = new(), recent = new();

    /// <summary>The run of the machine in which all of it holds.</summary>
    public UInt128 Boot { get; private set; }

    /// <summary>Files of which it is not known whether they are published.</summary>
    public IReadOnlyDictionary<UInt128, RememberedFile> Pending => pending;

    /// <summary>Directories of which it is not known whether they are made.</summary>
    public IReadOnlyCollection<JournalRecord> Making => making.Values;

    /// <summary>Adds what a record says.</summary>
    public void Apply(JournalRecord record)
    {
        switch (record.Event)
        {
            case JournalEvent.Intent:
                // Of two at once with one number neither is remembered: what is said next of one could be the other's.
                long intent = pending.ContainsKey(record.Id) ? RememberedFile.Nowhere : record.Offset;
                pending[record.Id] = new RememberedFile(intent, record.At, record.Receipt?.Level == Durability.Durable);
                break;
            case JournalEvent.Done:
                foreach (UInt128 arrival in record.Ids)
                {
                    // One that was not about to be published has no receipt; nothing here writes that.
                    if (pending.Remove(arrival, out RememberedFile file))
                    {
                        Remember(arrival, file with { Writer = record.Writer }, record.Name);
                    }
                }
                break;
            case JournalEvent.Cancelled:
                foreach (UInt128 arrival in record.Ids)
                {
                    pending.Remove(arrival);
                    recent.Remove(arrival);
                    older.Remove(arrival);
                }
                break;
            case JournalEvent.Boot:
                if (Boot != record.Id)
                {
                    ForgetWhere(file => !file.IsDurable);
                }
                Boot = record.Id;
                break;
            case JournalEvent.Making:
                making[(record.Id, record.Name)] = record;
                break;
            case JournalEvent.Made:
                making.Remove((record.Id, record.Name));
                ForgetDirectory(record);
                // Its name was needed until here, and may be long.
                made.Add((record.Id, record.Directory), madeInOrder.AddLast(record with { Name = default }));
                while (made.Count > MostMade)
                {
                    ForgetDirectory(madeInOrder.First!.Value);
                }
                break;
            case JournalEvent.Ended:
                making.Remove((record.Id, record.Name));
                ForgetDirectory(record);
                break;
        }
    }

    /// <summary>Forgets everything written before a time.</summary>
    public void ForgetBefore(long time)
    {
        ForgetWhere(file => file.At < time);
        while (madeInOrder.First is { } oldest && oldest.Value.At < time)
        {
            ForgetDirectory(oldest.Value);
        }
    }

    /// <summary>A published file, with its name where that is another than the one offered; null when it is not remembered.</summary>
    public (RememberedFile File, FerryPath OtherName)? FindDone(UInt128 arrival) =>
        pending.ContainsKey(arrival) ? null : recent.Find(arrival) ?? older.Find(arrival);

    /// <summary>False when no file of a delivery is remembered.</summary>
    public bool MayKnow(UInt128 delivery) => recent.MayHave(delivery) || older.MayHave(delivery);

    /// <summary>The directories that a delivery has made and not ended.</summary>
    public IEnumerable<DirectoryIdentity> MadeBy(UInt128 delivery) => [.. made.Keys.Where(key => key.Delivery == delivery).Select(key => key.Directory)];

    /// <summary>Writes everything that is remembered into a new file.</summary>
    /// <param name="fresh">The new file.</param>
    /// <param name="file">The one in which it stands so far.</param>
    /// <param name="since">What was written before this time is forgotten.</param>
    /// <returns>The same with the places in the new file, without what cannot be read any more.</returns>
    /// <exception cref="FerryException">The new one cannot be written, or the old one not be read.</exception>
    public JournalState CopyTo(JournalFile fresh, JournalFile file, long since)
    {
        ForgetBefore(since);
        var copy = new JournalState();
        List<JournalRecord> records = [new JournalRecord { Event = JournalEvent.Boot, Ids = [Boot], At = 0 }, .. madeInOrder, .. making.Values];
        fresh.Append(records);
        records.ForEach(copy.Apply);
        foreach ((UInt128 Arrival, RememberedFile File, FerryPath OtherName)[] piece in older.Concat(recent).Chunk(JournalRecord.MostIds))
        {
            List<UInt128> copied = [];
            foreach ((UInt128 arrival, RememberedFile remembered, FerryPath otherName) in piece)
            {
                if (!fresh.TryAddFrom(file, remembered.Intent, out long place))
                {
                    continue;
                }
                copy.Remember(arrival, remembered with { Intent = place }, otherName);
                if (otherName.IsEmpty)
                {
                    copied.Add(arrival);
                }
                else
                {
                    fresh.Add(JournalRecord.Done([arrival], at: 0, otherName: otherName));
                }
            }
            if (copied.Count > 0)
            {
                fresh.Add(JournalRecord.Done([.. copied], at: 0));
            }
            fresh.Write();
        }
        foreach ((UInt128 arrival, RememberedFile remembered) in pending)
        {
            if (fresh.TryAddFrom(file, remembered.Intent, out long place))
            {
                copy.pending.Add(arrival, remembered with { Intent = place });
            }
        }
        fresh.Write();
        return copy;
    }

    private void Remember(UInt128 arrival, in RememberedFile file, FerryPath otherName)
    {
        if (recent.IsFull)
        {
            (older, recent) = (recent, older);
            recent.Clear();
        }
        recent.Add(arrival, file, otherName);
    }

    private void ForgetWhere(Func<RememberedFile, bool> isToGo)
    {
        // Of one that was stored again the old receipt must not come back, also where the newest is to go.
        older.RemoveWhere((arrival, file) => pending.ContainsKey(arrival) || recent.Find(arrival) is not null || isToGo(file));
        recent.RemoveWhere((arrival, file) => pending.ContainsKey(arrival) || isToGo(file));
    }

    private void ForgetDirectory(JournalRecord record)
    {
        if (made.Remove((record.Id, record.Directory), out LinkedListNode<JournalRecord>? node))
        {
            madeInOrder.Remove(node);
        }
    }
}
