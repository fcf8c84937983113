namespace Ferry.Server.Storage.Journal;

/// <summary>What the records of a journal amount to, within bounds: the oldest are forgotten first.</summary>
internal sealed class JournalState
{
    /// <summary>Receipts that are remembered for a user.</summary>
    public const int MostDone = 16_384;

    /// <summary>Directories begun and not ended that are remembered for a user.</summary>
    public const int MostMade = 16_384;

    /// <summary>Bytes of names of remembered receipts; few files are stored under another name than they were sent.</summary>
    public const long MostNameBytes = 4 << 20;

    // An arrival is in one of these two at most.
    private readonly Dictionary<UInt128, JournalRecord> pending = [];
    private readonly Dictionary<UInt128, LinkedListNode<JournalRecord>> done = [];
    private readonly LinkedList<JournalRecord> doneInOrder = [];
    private readonly Dictionary<(UInt128 Delivery, FerryPath Name), JournalRecord> making = [];
    private readonly Dictionary<(UInt128 Delivery, DirectoryIdentity Directory), LinkedListNode<JournalRecord>> made = [];
    private readonly LinkedList<JournalRecord> madeInOrder = [];
    private long nameBytes;

    /// <summary>The run of the machine in which all of it holds.</summary>
    public UInt128 Boot { get; private set; }

    /// <summary>Records that a journal written anew would have.</summary>
    public int Count => pending.Count + done.Count + making.Count + made.Count;

    /// <summary>Files of which it is not known whether they are published.</summary>
    public IReadOnlyCollection<JournalRecord> Pending => pending.Values;

    /// <summary>Directories of which it is not known whether they are made.</summary>
    public IReadOnlyCollection<JournalRecord> Making => making.Values;

    /// <summary>Everything that is remembered, as records.</summary>
    public IEnumerable<JournalRecord> Records => [new JournalRecord { Event = JournalEvent.Boot, Id = Boot, At = 0 }, .. doneInOrder, .. madeInOrder, .. making.Values, .. pending.Values];

    /// <summary>Adds what a record says.</summary>
    public void Apply(JournalRecord record)
    {
        switch (record.Event)
        {
            case JournalEvent.Intent:
                ForgetDone(record.Id);
                pending[record.Id] = record;
                break;
            case JournalEvent.Done:
                if (!pending.Remove(record.Id, out JournalRecord? intent))
                {
                    ForgetDone(record.Id);
                }
                if (record.Receipt is null)
                {
                    if (intent is null)
                    {
                        // Nothing here writes that; without its receipt it is of no use.
                        break;
                    }
                    record = record with
                    {
                        Name = default,
                        Size = intent.Size,
                        Modified = intent.Modified,
                        Receipt = record.Name.IsEmpty ? intent.Receipt : intent.Receipt! with { Name = record.Name },
                    };
                }
                done.Add(record.Id, doneInOrder.AddLast(record));
                nameBytes += record.Receipt!.Name.Bytes.Length;
                while (done.Count > MostDone || nameBytes > MostNameBytes)
                {
                    ForgetDone(doneInOrder.First!.Value.Id);
                }
                break;
            case JournalEvent.Cancelled:
                pending.Remove(record.Id);
                ForgetDone(record.Id);
                break;
            case JournalEvent.Boot:
                if (Boot != record.Id)
                {
                    ForgetWhatIsNotDurable();
                }
                Boot = record.Id;
                break;
            case JournalEvent.Making:
                making[(record.Id, record.Name)] = record;
                break;
            case JournalEvent.Made:
                making.Remove((record.Id, record.Name));
                ForgetDirectory(record);
                made.Add((record.Id, record.Directory), madeInOrder.AddLast(record));
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

    /// <summary>The machine may have lost power: what was not flushed may not be what it was.</summary>
    public void ForgetWhatIsNotDurable()
    {
        foreach (JournalRecord record in doneInOrder.Where(record => record.Receipt!.Level != Durability.Durable).ToArray())
        {
            ForgetDone(record.Id);
        }
    }

    /// <summary>Forgets everything written before a time.</summary>
    public void ForgetBefore(long time)
    {
        while (doneInOrder.First is { } oldest && oldest.Value.At < time)
        {
            ForgetDone(oldest.Value.Id);
        }
        while (madeInOrder.First is { } oldest && oldest.Value.At < time)
        {
            ForgetDirectory(oldest.Value);
        }
    }

    /// <summary>The record of a published file; null when none is remembered.</summary>
    public JournalRecord? FindDone(UInt128 arrival) => done.TryGetValue(arrival, out LinkedListNode<JournalRecord>? node) ? node.Value : null;

    /// <summary>The directories that a delivery has made and not ended.</summary>
    public IEnumerable<DirectoryIdentity> MadeBy(UInt128 delivery) => [.. made.Keys.Where(key => key.Delivery == delivery).Select(key => key.Directory)];

    private void ForgetDone(UInt128 arrival)
    {
        if (done.Remove(arrival, out LinkedListNode<JournalRecord>? node))
        {
            doneInOrder.Remove(node);
            nameBytes -= node.Value.Receipt!.Name.Bytes.Length;
        }
    }

    private void ForgetDirectory(JournalRecord record)
    {
        if (made.Remove((record.Id, record.Directory), out LinkedListNode<JournalRecord>? node))
        {
            madeInOrder.Remove(node);
        }
    }
}
