using Ferry.Files;
using Ferry.Server.Storage;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// An entry between its offer and its receipt. The session's reader gathers its content, in the buffer that it came in, in a staged file or as an
/// open file that was passed; then a worker stages and completes it.
/// </summary>
internal sealed class IncomingEntry : IDisposable
{
    private readonly string algorithm;
    private ContentHash? hash;
    private IncomingFile? file;
    private SourceFile? source;
    private ReadOnlyMemory<byte> whole;
    private FrameBuffer? lease;
    private long received;
    private long resumedFrom;
    private volatile bool preparing;
    private End end;

    public IncomingEntry(uint number, Offer offer, string algorithm)
    {
        Number = number;
        Offer = offer;
        this.algorithm = algorithm;
    }

    public uint Number { get; }

    public Offer Offer { get; }

    public bool IsDirectory => Offer.Kind == EntryKind.Directory;

    /// <summary>Which arrival of a delivery with a key it is; else null.</summary>
    public UInt128? ArrivalId { get; set; }

    /// <summary>True when the content comes right behind the offer.</summary>
    public bool IsSmall => !IsDirectory && !Offer.ByDescriptor && Offer.Size <= ProtocolLimits.MaxInlineBytes;

    /// <summary>What this entry is, where it is a directory that arrives whole or not at all.</summary>
    public AtomicTree? Tree { get; set; }

    /// <summary>True when its receipt has been given before its end.</summary>
    public bool IsAnsweredEarly => IsReplayed || (Refusal is not null && (!IsDirectory || Offer.Atomic));

    /// <summary>True from the offer of a file by descriptor until that has come, or its absence is plain.</summary>
    public bool AwaitsDescriptor { get; set; }

    /// <summary>The connection's resumable files, where a part of this one is kept; else null.</summary>
    public ResumableFiles? Resumable { get; set; }

    /// <summary>True while its file is being looked for beside the reader; its answer comes after that.</summary>
    public bool IsPreparing
    {
        get => preparing;
        set => preparing = value;
    }

    /// <summary>True when the sender has been told an offset and has not said yet from where it sends.</summary>
    public bool AwaitsFrom { get; private set; }

    /// <summary>Why the entry is not stored; content that still comes for it is dropped.</summary>
    public FerryException? Refusal { get; private set; }

    /// <summary>True when nothing that still comes for it is needed.</summary>
    public bool IsSettled => Refusal is not null || IsPassed || IsReplayed;

    /// <summary>True when it got the receipt of an earlier connection.</summary>
    public bool IsReplayed { get; set; }

    /// <summary>True when the content is that of an open file which was passed.</summary>
    public bool IsPassed => source is not null;

    /// <summary>Bytes of content that a worker is to write.</summary>
    public long Weight => IsPassed ? Offer.Size ?? 0 : whole.Length;

    /// <summary>Content goes into a staged file from now on.</summary>
    public void StreamInto(IncomingFile destination)
    {
        file = destination;
        hash = ContentHash.Create(algorithm);
    }

    /// <summary>Content goes into a file that holds a part of it already, if the sender says so.</summary>
    /// <param name="destination">The file.</param>
    /// <param name="held">The hash over what it holds; owned from now on.</param>
    public void GoOnWith(IncomingFile destination, ContentHash held)
    {
        (file, hash) = (destination, held);
        received = resumedFrom = destination.HeldLength;
        AwaitsFrom = true;
    }

    /// <summary>Makes sure that content, or what settles it, may come now.</summary>
    /// <exception cref="FerryConnectionException">It may not: the entry has no answer yet, or the sender owes its own.</exception>
    public void CheckMayCome(FrameType type)
    {
        if (IsPreparing)
        {
            throw Malformed.TooEarly(type, Number);
        }
        if (type != FrameType.From && AwaitsFrom && !IsSettled)
        {
            throw Malformed.FromMissing(Number);
        }
    }

    /// <summary>The sender says from where its content comes.</summary>
    /// <exception cref="FerryException">There is no space to begin anew.</exception>
    public void BeginFrom(From from)
    {
        CheckMayCome(FrameType.From);
        if (IsSettled)
        {
            return;
        }
        if (!AwaitsFrom)
        {
            throw Malformed.FromUnexpected(Number);
        }
        AwaitsFrom = false;
        if (from.Offset == received)
        {
            return;
        }
        if (from.Offset != 0)
        {
            throw Malformed.FromElsewhere(Number, from.Offset, received);
        }
        received = resumedFrom = 0;
        hash!.Dispose();
        hash = ContentHash.Create(algorithm);
        file!.BeginAnew();
    }

    /// <summary>The connection is over: what has come of a file is kept where it can be resumed, else dropped.</summary>
    public void Park()
    {
        if (Refusal is null && file is not null && (end == default || end.Whole))
        {
            (IncomingFile kept, ContentHash? state) = (file, hash);
            (file, hash) = (null, null);
            kept.Park(state);
        }
        Dispose();
    }

    /// <summary>The content is that of a file which was passed.</summary>
    /// <param name="passed">The file; owned from now on.</param>
    public void TakeFrom(SourceFile passed) => source = passed;

    /// <summary>Takes a piece of content.</summary>
    /// <param name="content">The piece.</param>
    /// <param name="reader">Whose buffer holds it.</param>
    /// <param name="delivery">Where it goes when it cannot stay there.</param>
    /// <exception cref="FerryException">It cannot be stored, or is more than was announced.</exception>
    public void Append(ReadOnlyMemory<byte> content, FrameReader reader, Delivery delivery)
    {
        if (IsSettled || content.IsEmpty)
        {
            return;
        }
        if (received + content.Length > Offer.Size)
        {
            throw new FerryException(FerryErrorCode.SizeMismatch, $"{Offer.Name} was announced with {Offer.Size} bytes and more came; send it again");
        }
        received += content.Length;
        if (file is null && content.Length == Offer.Size && reader.TryShareBuffer() is { } shared)
        {
            lease = shared;
            whole = content;
            return;
        }
        if (file is null)
        {
            StreamInto(delivery.CreateFile(Offer.Name, Expectation(delivery)));
        }
        hash!.Append(content.Span);
        file!.Write(content.Span);
    }

    /// <summary>Notes what the sender says at the end, for <see cref="Stage"/> to compare.</summary>
    public void Finish(in End said) => end = said;

    /// <summary>Why the sender has given it up; null when it has not.</summary>
    public FerryException? GivenUp => end.Whole
        ? null
        : new FerryException(end.Code ?? FerryErrorCode.GivenUp, EscapedText.FromString(end.Reason ?? "the sender gave it up"));

    /// <summary>Compares what came with what was sent, and brings the file to where only its publishing is missing. Runs on a worker.</summary>
    /// <param name="worker">The worker's way into the store.</param>
    /// <param name="buffers">For copying; given where <see cref="IsPassed"/>.</param>
    /// <param name="broken">Ends a copy under way.</param>
    /// <returns>The file; owned by the caller.</returns>
    /// <exception cref="FerryException">Size or hash differ, the source is another by now, or the file cannot be stored.</exception>
    public (IncomingFile File, Receipt Receipt) Stage(Delivery worker, CopyBuffers.Pair? buffers, CancellationToken broken)
    {
        if (source is null && GivenUp is { } reason)
        {
            throw reason;
        }
        Receipt receipt = source is not null ? StagePassed(worker, source, buffers, broken) : StageReceived(worker);
        IncomingFile staged = file!;
        file = null;
        return (staged, receipt);
    }

    /// <summary>Drops what has come.</summary>
    public void Refuse(FerryException reason)
    {
        Refusal = WireText.Shorten(reason);
        Dispose();
    }

    public void Dispose()
    {
        file?.Dispose();
        file = null;
        source?.Dispose();
        hash?.Dispose();
        ReleaseContent();
    }

    private Receipt StageReceived(Delivery worker)
    {
        long sent = end.Size ?? throw Malformed.MissingField("[end.size]");
        byte[] theirs = end.Hash ?? throw Malformed.MissingField("[end.hash]");
        if (sent != received || received < Offer.Size)
        {
            throw new FerryException(FerryErrorCode.SizeMismatch,
                $"{Offer.Name}: {received} bytes came, the sender counted {sent}{(Offer.Size is { } offered ? $" and announced {offered}" : "")}; send it again");
        }
        byte[] ours = file is null ? ContentHash.Of(algorithm, whole.Span) : hash!.Finish();
        if (!ours.AsSpan().SequenceEqual(theirs))
        {
            throw new FerryException(FerryErrorCode.HashMismatch, $"{Offer.Name}: the content that came has another hash than the content that was sent; send it again");
        }
        if (file is null)
        {
            file = worker.CreateFile(Offer.Name, Expectation(worker), contentIsHere: true);
            file.Write(whole.Span);
            ReleaseContent();
        }
        file.Complete(worker);
        return Stored(received, ours, HashCheck.Both, TransferMethod.Streamed);
    }

    private Receipt StagePassed(Delivery worker, SourceFile passed, CopyBuffers.Pair? buffers, CancellationToken broken)
    {
        if (passed.Size != Offer.Size)
        {
            throw Changed();
        }
        file = Resumable?.CreateFile(this, worker) ?? worker.CreateFile(Offer.Name, Expectation(worker));
        bool cloned = file.TryClone(passed.Handle);
        if (!cloned && CopyPassed(passed, buffers!, broken) != Offer.Size)
        {
            throw Changed();
        }
        if (passed.HasChanged())
        {
            throw Changed();
        }
        file.Complete(worker);
        return cloned
            ? Stored(passed.Size, null, HashCheck.None, TransferMethod.Cloned)
            : Stored(passed.Size, hash!.Finish(), HashCheck.Server, TransferMethod.Copied);
    }

    /// <summary>Copies what is not there yet. Where the connection breaks meanwhile, what was copied is kept if it can be resumed.</summary>
    private long CopyPassed(SourceFile passed, CopyBuffers.Pair buffers, CancellationToken broken)
    {
        try
        {
            (hash, resumedFrom) = HeldContent.Compare(passed, file!, algorithm, buffers, broken);
            return resumedFrom + FileCopy.Copy(passed, file!, hash, buffers, resumedFrom, broken);
        }
        catch (OperationCanceledException)
        {
            // The reader of the source may be ahead of what was written, and the hash with it.
            file!.Park(null);
            file = null;
            throw;
        }
    }

    /// <summary>What the store needs to know before content comes.</summary>
    public FileExpectation Expectation(Delivery worker) => new(Offer.Size, Offer.Metadata, worker.Store.LevelFor(Offer.Level));

    private Receipt Stored(long size, byte[]? contentHash, HashCheck check, TransferMethod how) => new()
    {
        Name = Offer.Name,
        Result = ReceiptResult.Stored,
        Size = size,
        Hash = contentHash is null ? null : ContentHash.ToText(algorithm, contentHash),
        Checked = check,
        How = how,
        Level = file!.Level,
        ResumedFrom = resumedFrom > 0 && how != TransferMethod.Cloned ? resumedFrom : null,
    };

    private void ReleaseContent()
    {
        lease?.Release();
        lease = null;
        whole = default;
    }

    private FerryException Changed() => new(FerryErrorCode.SourceChanged, $"{Offer.Name} changed while it was read; send it again when nothing writes to it");
}
