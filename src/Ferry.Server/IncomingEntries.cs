using Ferry.Wire;

namespace Ferry.Server;

/// <summary>The entries of one connection that were offered and have not ended, and how many of them a sender may have at once.</summary>
internal sealed class IncomingEntries
{
    private readonly Dictionary<uint, IncomingEntry> entries = [];
    private uint last;
    private int directories;
    private int awaitedDescriptors;

    /// <summary>How many there are.</summary>
    public int Count => entries.Count;

    /// <summary>Takes the number of the next entry.</summary>
    /// <exception cref="FerryConnectionException">It is not greater than the last.</exception>
    public void BeginNumber(uint number)
    {
        if (number <= last)
        {
            throw Malformed.EntryNumber(number, last);
        }
        last = number;
    }

    /// <summary>Adds an entry.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="unanswered">How many that have ended are not answered yet.</param>
    /// <exception cref="FerryConnectionException">They are more than the sender was told that it may have.</exception>
    public void Add(IncomingEntry entry, int unanswered)
    {
        if (entry.AwaitsDescriptor && ++awaitedDescriptors > ProtocolLimits.MaxDescriptors)
        {
            throw Malformed.TooManyDescriptors(ProtocolLimits.MaxDescriptors);
        }
        if (entry.IsDirectory && ++directories > ProtocolLimits.MaxLevels)
        {
            throw Malformed.TooManyDirectories(ProtocolLimits.MaxLevels);
        }
        entries.Add(entry.Number, entry);
        // A passed file counts twice until its end comes, and there are never more of them than that.
        if (entries.Count - directories + unanswered > ProtocolLimits.MaxEntries + ProtocolLimits.MaxDescriptors)
        {
            throw Malformed.TooManyEntries(ProtocolLimits.MaxEntries);
        }
    }

    /// <summary>Whether one has a name of some kind.</summary>
    public bool HasAny(Predicate<FerryPath> isMeant) => entries.Values.Any(entry => isMeant(entry.Offer.Name));

    /// <exception cref="FerryConnectionException">There is none with the frame's number.</exception>
    public IncomingEntry Find(Frame frame) => entries.TryGetValue(frame.Entry, out IncomingEntry? entry) ? entry : throw Malformed.UnknownEntry(frame.Type, frame.Entry);

    /// <summary>The entry for which an open file comes, or null where it was settled before that.</summary>
    /// <exception cref="FerryConnectionException">No open file is due for it.</exception>
    public IncomingEntry? TakeAwaited(uint number)
    {
        if (!entries.TryGetValue(number, out IncomingEntry? entry) || !entry.Offer.ByDescriptor)
        {
            throw Malformed.UnknownEntry(FrameType.Pass, number);
        }
        if (entry.AwaitsDescriptor)
        {
            entry.AwaitsDescriptor = false;
            awaitedDescriptors--;
            return entry;
        }
        return entry.Refusal is not null || entry.IsReplayed ? null : throw Malformed.UnknownEntry(FrameType.Pass, number);
    }

    /// <summary>Removes an entry that has ended.</summary>
    public void Remove(IncomingEntry entry)
    {
        entries.Remove(entry.Number);
        if (entry.AwaitsDescriptor)
        {
            awaitedDescriptors--;
        }
        if (entry.IsDirectory)
        {
            directories--;
        }
    }

    /// <summary>The connection is over: what of them can be gone on with is kept.</summary>
    public void Park()
    {
        foreach (IncomingEntry entry in entries.Values)
        {
            entry.Park();
        }
    }
}
