using System.Collections;

namespace Ferry.Server.Storage.Journal;

/// <summary>What is kept in memory of a file that was published or is about to be.</summary>
/// <param name="Intent">Where the record of its intent stands in the file.</param>
/// <param name="At">When that was written, in milliseconds since 1970.</param>
/// <param name="IsDurable">True when its receipt outlives a power cut.</param>
/// <param name="Writer">The connection that published it; 0 for one that is over.</param>
internal readonly record struct RememberedFile(long Intent, long At, bool IsDurable, long Writer = 0);

/// <summary>Published files that are forgotten together.</summary>
internal sealed class PublishedFiles : IEnumerable<(UInt128 Arrival, RememberedFile File, FerryPath OtherName)>
{
    /// <summary>Bytes of names; few files are stored under another name than they were sent.</summary>
    public const long MostNameBytes = 2 << 20;

    private readonly Dictionary<UInt128, RememberedFile> files = [];
    private readonly Dictionary<UInt128, FerryPath> otherNames = [];
    private readonly HashSet<ushort> deliveries = [];
    private long nameBytes;

    public bool IsFull => files.Count >= JournalState.LeastDone || nameBytes >= MostNameBytes;

    /// <summary>Adds a file, in the place of what was known of the same arrival.</summary>
    /// <param name="arrival">Which it is.</param>
    /// <param name="file">The file.</param>
    /// <param name="otherName">Its name, where that is another than the one offered.</param>
    public void Add(UInt128 arrival, in RememberedFile file, FerryPath otherName)
    {
        files[arrival] = file;
        deliveries.Add(ArrivalId.PartOfDelivery(arrival));
        if (!otherName.IsEmpty)
        {
            otherNames[arrival] = otherName;
            nameBytes += otherName.Bytes.Length;
        }
        else if (otherNames.Count > 0)
        {
            otherNames.Remove(arrival);
        }
    }

    public (RememberedFile File, FerryPath OtherName)? Find(UInt128 arrival) =>
        files.TryGetValue(arrival, out RememberedFile file) ? (file, otherNames.GetValueOrDefault(arrival)) : null;

    /// <summary>False when no file of a delivery is among them.</summary>
    public bool MayHave(UInt128 delivery) => deliveries.Contains(ArrivalId.PartOfDelivery(delivery));

    public void Remove(UInt128 arrival)
    {
        files.Remove(arrival);
        otherNames.Remove(arrival);
    }

    public void RemoveWhere(Func<UInt128, RememberedFile, bool> isToGo)
    {
        // A dictionary may lose what was seen already while it is gone through.
        foreach ((UInt128 arrival, RememberedFile file) in files)
        {
            if (isToGo(arrival, file))
            {
                Remove(arrival);
            }
        }
    }

    /// <summary>Forgets all, and keeps the memory.</summary>
    public void Clear()
    {
        files.Clear();
        otherNames.Clear();
        deliveries.Clear();
        nameBytes = 0;
    }

    public IEnumerator<(UInt128 Arrival, RememberedFile File, FerryPath OtherName)> GetEnumerator()
    {
        foreach ((UInt128 arrival, RememberedFile file) in files)
        {
            yield return (arrival, file, otherNames.GetValueOrDefault(arrival));
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
