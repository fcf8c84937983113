using System.Collections;

namespace Ferry.Server.Storage.Journal;

/// <summary>What is kept in memory of a file that was published or is about to be.</summary>
/// <param name="Intent">Where the record of its intent stands in the file.</param>
/// <param name="At">When that was written, in milliseconds since 1970.</param>
/// <param name="IsDurable">True when its receipt outlives a power cut.</param>
/// <param name="Writer">The connection that published it; 0 for one that is over.</param>
internal readonly record struct RememberedFile(long Intent, long At, bool IsDurable, long Writer = 0)
{
    /// <summary>Where no record stands, but the heading of the file.</summary>
    public const long Nowhere = 0;
}

/// <summary>Published files that are forgotten together. Storing is frequent and asking rare: they are only listed until somebody asks for one.</summary>
internal sealed class PublishedFiles : IEnumerable<(UInt128 Arrival, RememberedFile File, FerryPath OtherName)>
{
    /// <summary>Bytes of names; few files are stored under another name than they were sent.</summary>
    public const long MostNameBytes = 2 << 20;

    /// <summary>Bytes of the journal from the first record of a file to the last: names of 700 bytes fit in with room for the rest.</summary>
    public const long MostRecordBytes = 16 << 20;

    private readonly List<(UInt128 Arrival, RememberedFile File)> files = [];
    private readonly Dictionary<UInt128, FerryPath> otherNames = [];
    private readonly HashSet<ulong> deliveries = [];
    private long nameBytes;

    /// <summary>Where the first and the last record stand; both are <see cref="RememberedFile.Nowhere"/> while there is none.</summary>
    private long firstIntent, lastIntent;

    /// <summary>Where the newest of each arrival stands in the list; null until somebody asks.</summary>
    private Dictionary<UInt128, int>? places;

    public bool IsFull => files.Count >= JournalState.LeastDone || nameBytes >= MostNameBytes || lastIntent - firstIntent >= MostRecordBytes;

    private Dictionary<UInt128, int> Places
    {
        get
        {
            if (places is null)
            {
                places = new Dictionary<UInt128, int>(files.Count);
                for (int place = 0; place < files.Count; place++)
                {
                    places[files[place].Arrival] = place;
                }
            }
            return places;
        }
    }

    /// <summary>Adds a file, in the place of what was known of the same arrival.</summary>
    /// <param name="arrival">Which it is.</param>
    /// <param name="file">The file.</param>
    /// <param name="otherName">Its name, where that is another than the one offered.</param>
    public void Add(UInt128 arrival, in RememberedFile file, FerryPath otherName)
    {
        files.Add((arrival, file));
        if (file.Intent != RememberedFile.Nowhere)
        {
            firstIntent = firstIntent == RememberedFile.Nowhere ? file.Intent : firstIntent;
            lastIntent = file.Intent;
        }
        places?[arrival] = files.Count - 1;
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
        Places.TryGetValue(arrival, out int place) ? (files[place].File, otherNames.GetValueOrDefault(arrival)) : null;

    /// <summary>False when no file of a delivery is among them.</summary>
    public bool MayHave(UInt128 delivery) => deliveries.Contains(ArrivalId.PartOfDelivery(delivery));

    public void Remove(UInt128 arrival)
    {
        Places.Remove(arrival);
        otherNames.Remove(arrival);
    }

    public void RemoveWhere(Func<UInt128, RememberedFile, bool> isToGo)
    {
        List<(UInt128 Arrival, RememberedFile File, FerryPath OtherName)> left = [.. this.Where(item => !isToGo(item.Arrival, item.File))];
        Clear();
        left.ForEach(item => Add(item.Arrival, item.File, item.OtherName));
    }

    /// <summary>Forgets all, and keeps the memory.</summary>
    public void Clear()
    {
        files.Clear();
        otherNames.Clear();
        deliveries.Clear();
        nameBytes = firstIntent = lastIntent = 0;
        places = null;
    }

    public IEnumerator<(UInt128 Arrival, RememberedFile File, FerryPath OtherName)> GetEnumerator()
    {
        for (int place = 0; place < files.Count; place++)
        {
            (UInt128 arrival, RememberedFile file) = files[place];
            if (Places.TryGetValue(arrival, out int newest) && newest == place)
            {
                yield return (arrival, file, otherNames.GetValueOrDefault(arrival));
            }
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();
}
