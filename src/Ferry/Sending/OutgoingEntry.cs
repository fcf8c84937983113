using Ferry.Files;
using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>An entry between its offer and its receipt, as the sender sees it.</summary>
internal sealed class OutgoingEntry
{
    private int halves;
    private int missing;

    public uint Number { get; set; }

    public required EntryKind Kind { get; init; }

    /// <summary>The name offered, relative to the server's directory.</summary>
    public required FerryPath Name { get; init; }

    /// <summary>What is to be sent once the receiver says go; null for directories and for content that went with the offer.</summary>
    public OutgoingContent? Content { get; set; }

    /// <summary>The directory that may end only after it.</summary>
    public OpenDirectory? Directory { get; set; }

    /// <summary>Bytes in the file that was passed in place of its content; null when none was.</summary>
    public long? Passed { get; set; }

    /// <summary>The size offered; null for directories and where it is not known.</summary>
    public long? Size { get; init; }

    /// <summary>The mode and time offered.</summary>
    public EntryMetadata Metadata { get; init; }

    /// <summary>Which of the things sent in this delivery it belongs to.</summary>
    public long Source { get; init; }

    /// <summary>Where its file can be opened once more; null where a lost connection is not made again, and for what is no file.</summary>
    public SourceOrigin? Origin { get; init; }

    /// <summary>A directory's own place in the tree.</summary>
    public OpenDirectory? Own { get; set; }

    /// <summary>Of the connection that it was offered on: the others know nothing of it.</summary>
    public FrameWriter? OfferedOn { get; set; }

    /// <summary>True when it was offered in a delivery with a key.</summary>
    public bool IsKeyed { get; set; }

    /// <summary>Bytes of it that count as sent.</summary>
    public long Counted { get; set; }

    /// <summary>True when the receiver may hold a part of it already, and keep one if this connection breaks.</summary>
    public bool Resumable { get; set; }

    /// <summary>The receiver's go, which may name an offset; set before <see cref="MayGo"/>.</summary>
    public Go Go { get; set; }

    /// <summary>What was sent, known from the end on; null for directories and entries given up.</summary>
    public (long Size, byte[] Hash)? Sent { get; set; }

    /// <summary>True for a directory that is to arrive whole or not at all.</summary>
    public bool IsAtomic { get; init; }

    /// <summary>True for one that the receiver has begun to fill on a connection before this one.</summary>
    public bool GoesOn { get; private set; }

    /// <summary>The receipt of this atomic directory when it says stored; else null.</summary>
    public Receipt? Stored { get; set; }

    /// <summary>The atomic directory that it lies in; null for most.</summary>
    public OutgoingEntry? Tree => (Own is null ? Directory : Own.Parent)?.Tree;

    /// <summary>How many of the entries in this atomic directory did not arrive.</summary>
    public int Missing => Volatile.Read(ref missing);

    /// <summary>True when the receiver's go has come.</summary>
    public bool MayGo { get; set; }

    /// <summary>True when the receiver has answered: content that is still to be sent is of no use then.</summary>
    public bool IsAnswered { get; set; }

    /// <summary>True when its end was sent, or its receipt dealt with.</summary>
    public bool IsHalfOver => Volatile.Read(ref halves) > 0;

    /// <summary>It has no receipt and begins once more, on another connection.</summary>
    public void Restart()
    {
        GoesOn |= IsAtomic && MayGo;
        halves = 0;
        Sent = null;
        Passed = null;
        MayGo = false;
        Go = default;
    }

    /// <summary>Notes that something in this atomic directory did not arrive. Any thread may do so.</summary>
    public void Miss() => Interlocked.Increment(ref missing);

    /// <summary>Notes that the end was sent, or that the receipt was dealt with. True for whichever comes second: the entry is over.</summary>
    public bool CompleteHalf() => Interlocked.Increment(ref halves) == 2;

    /// <summary>The receipt for the caller: the receiver's word, compared with what was sent.</summary>
    /// <param name="message">The receiver's word.</param>
    /// <param name="algorithm">The connection's hash algorithm.</param>
    public Receipt ToReceipt(ReceiptMessage message, string algorithm)
    {
        var receipt = new Receipt
        {
            Name = message.Name ?? Name,
            Kind = Kind,
            Result = message.Result,
            Size = message.Size ?? 0,
            Hash = message.Hash is { } hash ? ContentHash.ToText(algorithm, hash) : null,
            Checked = message.Checked,
            Level = message.Level,
            How = message.How,
            Replayed = message.Replayed,
            ResumedFrom = message.ResumedFrom,
            Code = message.Code,
            Reason = message.Reason is { } reason ? EscapedText.FromString(reason) : null,
        };
        if (message.Replayed && !IsKeyed)
        {
            throw Malformed.ReplayedWithoutKey(Number);
        }
        if (IsSpent && !message.Replayed)
        {
            return OpenEntries.Unknown(this, "the connection was lost, and its content had begun to flow and cannot be read twice");
        }
        if (!receipt.IsWhole || Kind == EntryKind.Directory)
        {
            return receipt;
        }
        if (message.Replayed && Sent is null && Size is null)
        {
            return receipt;
        }
        long size = Sent?.Size ?? (message.Replayed ? Size : MayGo ? null : Passed) ?? throw Malformed.ReceiptBeforeEnd(Number);
        if (size != receipt.Size)
        {
            return Differs(receipt, FerryErrorCode.SizeMismatch, $"{size} bytes were sent and the server says that it stored {receipt.Size}");
        }
        return message.Hash is null || Sent is null || message.Hash.AsSpan().SequenceEqual(Sent.Value.Hash)
            ? receipt
            : Differs(receipt, FerryErrorCode.HashMismatch, "the server says that it stored content with another hash than was sent");
    }

    /// <summary>True for a stream whose content has begun to flow on a connection that was lost.</summary>
    private bool IsSpent => Content is OutgoingContent.Gone && Origin is null;

    private static Receipt Differs(Receipt receipt, FerryErrorCode code, string reason) =>
        receipt with { Result = ReceiptResult.Mismatch, Level = null, Code = code, Reason = reason };
}
