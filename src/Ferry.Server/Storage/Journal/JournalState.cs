using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// What the records of a journal amount to, within bounds: the oldest are forgotten first. Of files only where their records stand is in memory, because a receipt
/// is rarely asked for again.
/// </summary>
internal sealed class JournalState
{
    /// <summary>Receipts that are remembered for a user.</summary>
    public const int MostDone = 16_384;

    /// <summary>Directories begun and not ended that are remembered for a user.</summary>
    public const int MostMade = 16_384;

    /// <summary>Bytes of names of remembered receipts; few files are stored under another name than they were sent.</summary>
    public const long MostNameBytes = 4 << 20;

    private readonly Dictionary<UInt128, RememberedFile> files = [];

    /// <summary>Published files in order. One that was published twice stands here twice, of which only the place of its last intent counts.</summary>
    private readonly Queue<(UInt128 Arrival, long Intent)> done = [];
    private readonly Dictionary<UInt128, FerryPath> otherNames = [];
    private readonly Dictionary<(UInt128 Delivery, FerryPath Name), JournalRecord> making = [];
    private readonly Dictionary<(UInt128 Delivery, DirectoryIdentity Directory), LinkedListNode<JournalRecord>> made = [];
    private readonly LinkedList<JournalRecord> madeInOrder = [];
    private long nameBytes;

    /// <summary>The run of the machine in which all of it holds.</summary>
    public UInt128 Boot { get; private set; }

    /// <summary>Files and directories that are remembered.</summary>
    public int Count => files.Count + making.Count + made.Count;

    /// <summary>How many files there are of which it is not known whether they are published.</summary>
    public int PendingCount { get; private set; }

    /// <summary>Those files, and where their intents stand.</summary>
    public IEnumerable<(UInt128 Arrival, long Intent)> Pending => files.Where(item => !item.Value.IsDone).Select(item => (item.Key, item.Value.Intent));

    /// <summary>Directories of which it is not known whether they are made.</summary>
    public IReadOnlyCollection<JournalRecord> Making => making.Values;

    /// <summary>Adds what a record says.</summary>
    public void Apply(JournalRecord record)
    {
        switch (record.Event)
        {
            case JournalEvent.Intent:
                MarkPending(record);
                break;
            case JournalEvent.Done:
                foreach (UInt128 arrival in record.Ids)
                {
                    MarkDone(arrival, record);
                }
                while (done.Count > MostDone || nameBytes > MostNameBytes)
                {
                    ForgetOldest();
                }
                break;
            case JournalEvent.Cancelled:
                foreach (UInt128 arrival in record.Ids)
                {
                    Forget(arrival);
                }
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

    /// <summary>Forgets everything written before a time.</summary>
    public void ForgetBefore(long time)
    {
        while (done.TryPeek(out (UInt128 Arrival, long Intent) oldest) && (!IsDone(oldest, out RememberedFile file) || file.At < time))
        {
            ForgetOldest();
        }
        while (madeInOrder.First is { } oldest && oldest.Value.At < time)
        {
            ForgetDirectory(oldest.Value);
        }
    }

    /// <summary>A published file; null when it is not remembered.</summary>
    public RememberedFile? FindDone(UInt128 arrival) => files.TryGetValue(arrival, out RememberedFile file) && file.IsDone ? file : null;

    /// <summary>The name of a published file, where that is another than the one offered; else an empty one.</summary>
    public FerryPath OtherName(UInt128 arrival) => otherNames.GetValueOrDefault(arrival);

    /// <summary>The directories that a delivery has made and not ended.</summary>
    public IEnumerable<DirectoryIdentity> MadeBy(UInt128 delivery) => [.. made.Keys.Where(key => key.Delivery == delivery).Select(key => key.Directory)];

    /// <summary>Writes everything that is remembered into a new file.</summary>
    /// <param name="fresh">The new file.</param>
    /// <param name="file">The one in which it stands so far.</param>
    /// <returns>The same with the places in the new file, without what cannot be read any more.</returns>
    /// <exception cref="FerryException">The new one cannot be written, or the old one not be read.</exception>
    public JournalState CopyTo(JournalFile fresh, JournalFile file)
    {
        var copy = new JournalState();
        List<JournalRecord> records = [new JournalRecord { Event = JournalEvent.Boot, Ids = [Boot], At = 0 }, .. madeInOrder, .. making.Values];
        fresh.Append(records);
        records.ForEach(copy.Apply);
        IEnumerable<UInt128> inOrder = done.Where(item => IsDone(item, out _)).Select(item => item.Arrival);
        foreach (UInt128[] piece in inOrder.Concat(Pending.Select(item => item.Arrival)).Chunk(JournalRecord.MostIds))
        {
            List<UInt128> copied = [];
            foreach (UInt128 arrival in piece)
            {
                RememberedFile remembered = files[arrival];
                if (fresh.TryAddFrom(file, remembered.Intent, out long place))
                {
                    copy.Remember(arrival, remembered with { Intent = place }, OtherName(arrival));
                    copied.Add(arrival);
                }
            }
            foreach (IGrouping<FerryPath, UInt128> settled in copied.Where(arrival => files[arrival].IsDone).GroupBy(OtherName))
            {
                fresh.Add(new JournalRecord { Event = JournalEvent.Done, Ids = [.. settled], At = 0, Name = settled.Key });
            }
            fresh.Write();
        }
        return copy;
    }

    private void MarkPending(JournalRecord intent)
    {
        ref RememberedFile file = ref CollectionsMarshal.GetValueRefOrAddDefault(files, intent.Id, out bool known);
        if (!known || file.IsDone)
        {
            PendingCount++;
            ForgetName(intent.Id);
        }
        file = new RememberedFile(intent.Offset, intent.At, intent.Receipt?.Level == Durability.Durable);
    }

    private void MarkDone(UInt128 arrival, JournalRecord record)
    {
        ref RememberedFile file = ref CollectionsMarshal.GetValueRefOrNullRef(files, arrival);
        if (Unsafe.IsNullRef(ref file) || file.IsDone)
        {
            // Nothing here writes that: without its intent there is no receipt.
            return;
        }
        PendingCount--;
        file = file with { IsDone = true, Writer = record.Writer };
        NoteDone(arrival, file.Intent, record.Name);
    }

    private void Remember(UInt128 arrival, in RememberedFile file, FerryPath otherName)
    {
        files.Add(arrival, file);
        if (file.IsDone)
        {
            NoteDone(arrival, file.Intent, otherName);
        }
        else
        {
            PendingCount++;
        }
    }

    private void NoteDone(UInt128 arrival, long intent, FerryPath otherName)
    {
        done.Enqueue((arrival, intent));
        if (!otherName.IsEmpty)
        {
            otherNames.Add(arrival, otherName);
            nameBytes += otherName.Bytes.Length;
        }
    }

    private bool IsDone((UInt128 Arrival, long Intent) item, out RememberedFile file) =>
        files.TryGetValue(item.Arrival, out file) && file.IsDone && file.Intent == item.Intent;

    /// <summary>The machine may have lost power: what was not flushed may not be what it was.</summary>
    private void ForgetWhatIsNotDurable()
    {
        foreach ((UInt128 arrival, _) in files.Where(item => item.Value is { IsDone: true, IsDurable: false }))
        {
            Forget(arrival);
        }
    }

    private void ForgetOldest()
    {
        (UInt128 Arrival, long Intent) oldest = done.Dequeue();
        if (IsDone(oldest, out _))
        {
            Forget(oldest.Arrival);
        }
    }

    private void Forget(UInt128 arrival)
    {
        if (files.Remove(arrival, out RememberedFile file))
        {
            PendingCount -= file.IsDone ? 0 : 1;
            ForgetName(arrival);
        }
    }

    private void ForgetName(UInt128 arrival)
    {
        if (otherNames.Remove(arrival, out FerryPath name))
        {
            nameBytes -= name.Bytes.Length;
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

/// <summary>What is kept in memory of a file that was published or is about to be.</summary>
/// <param name="Intent">Where the record of its intent stands in the file.</param>
/// <param name="At">When that was written, in milliseconds since 1970.</param>
/// <param name="IsDurable">True when its receipt outlives a power cut.</param>
/// <param name="IsDone">True when it is published.</param>
/// <param name="Writer">The connection that published it; 0 for one that is over.</param>
internal readonly record struct RememberedFile(long Intent, long At, bool IsDurable, bool IsDone = false, long Writer = 0);
