using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>Gives entries their numbers and offers them, so that they leave in the order of their numbers whichever thread offers them.</summary>
/// <param name="writer">Of the connection.</param>
/// <param name="entries">Where they are under way.</param>
/// <param name="nextNumber">Gives the numbers.</param>
/// <param name="durability">The level to ask for.</param>
/// <param name="isKeyed">Whether the delivery has a key that the server was told.</param>
/// <param name="resumes">Whether the receiver may keep parts of large files.</param>
internal sealed class Offers(FrameWriter writer, OpenEntries entries, Func<uint> nextNumber, Durability? durability, bool isKeyed, bool resumes)
{
    private readonly Lock gate = new();

    /// <summary>Offers an entry; its content is sent, or passed, when the receiver has answered.</summary>
    public void Add(OutgoingEntry entry)
    {
        lock (gate)
        {
            entry.Resumable = resumes && entry.Content is { CanRestart: true } content && content.Size >= ProtocolLimits.LeastResumableBytes;
            Number(entry);
            writer.Add(entry.Number, OfferOf(entry));
        }
    }

    /// <summary>Sends a small file whole: its offer, its content, its end.</summary>
    public void AddWhole(OutgoingEntry entry, ReadOnlySpan<byte> content, in End end)
    {
        entry.Sent = end.Hash is { } hash ? (content.Length, hash) : null;
        lock (gate)
        {
            Number(entry);
            writer.AddFile(entry.Number, OfferOf(entry), content, end);
        }
    }

    private Offer OfferOf(OutgoingEntry entry) => new(entry.Kind, entry.Name, entry.Size, entry.Metadata, durability, entry.Passed is not null, entry.IsAtomic)
    {
        Source = isKeyed ? entry.Source : null,
        GoesOn = entry.GoesOn,
        Resume = entry.Resumable,
    };

    private void Number(OutgoingEntry entry)
    {
        entry.Number = nextNumber();
        entry.OfferedOn = writer;
        entry.IsKeyed = isKeyed;
        entries.Add(entry);
    }
}
