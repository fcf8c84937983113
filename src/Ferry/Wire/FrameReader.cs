using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>
/// Cuts a byte stream into frames. Control frames and short content are handed on whole, longer content in pieces, so that its memory is one
/// buffer however long frames are. Lengths are checked against <see cref="ProtocolLimits"/> before anything is held.
/// </summary>
/// <remarks>Used by one reader at a time. What ends the stream or stalls it becomes an exception; nothing is read after one.</remarks>
internal sealed class FrameReader : IDisposable
{
    private const int SmallSize = 4096;

    /// <summary>Most buffers that others still use when the reader has gone on to another: one byte of content keeps a whole one.</summary>
    private const int MostKeptByOthers = 32;

    private readonly Stream stream;
    private readonly TimeSpan stallTimeout;
    private FrameBuffer buffer = FrameBuffer.Allocate(SmallSize);
    private int start;
    private int end;
    private FrameHeader content;
    private int contentLeft;
    private long filled;
    private int keptByOthers;
    private CancellationTokenSource deadline = new();
    private long lastReceived = Environment.TickCount64;

    public FrameReader(Stream stream, TimeSpan stallTimeout)
    {
        this.stream = stream;
        this.stallTimeout = stallTimeout;
    }

    /// <summary>The reader for payloads; one for the connection, because messages are read one at a time.</summary>
    public CborReader Cbor { get; } = MessageReader.NewCborReader();

    /// <summary>When something came last, in milliseconds of <see cref="Environment.TickCount64"/>.</summary>
    public long LastReceived => Volatile.Read(ref lastReceived);

    /// <summary>Where the frame that was read last begins in the stream, in bytes from its beginning.</summary>
    public long FrameStart { get; private set; }

    /// <summary>How far into the stream what was handed on reaches.</summary>
    public long FrameEnd => filled - (end - start);

    /// <summary>False when <see cref="ReadAsync"/> would have to wait for the peer: the moment to send what was gathered.</summary>
    public bool HasFrame
    {
        get
        {
            if (contentLeft > 0)
            {
                return start < end;
            }
            if (end - start < FrameHeader.Size)
            {
                return false;
            }
            FrameHeader header = FrameHeader.Read(buffer.Bytes.AsSpan(start));
            int needed = IsInPieces(header) ? 1 : header.Length;
            return end - start - FrameHeader.Size >= needed;
        }
    }

    /// <summary>Gives the large buffer back. Called when no entry is open, so that a quiet connection costs little memory.</summary>
    public void ReleaseBuffer()
    {
        if (!IsSmall && start == end)
        {
            Replace(FrameBuffer.Allocate(SmallSize));
        }
    }

    /// <summary>Keeps the frame read last where it is, until the buffer is released; null when too many are kept already.</summary>
    public FrameBuffer? TryShareBuffer()
    {
        if (Volatile.Read(ref keptByOthers) >= MostKeptByOthers)
        {
            return null;
        }
        buffer.Share();
        return buffer;
    }

    /// <summary>Reads exactly as many bytes as the destination has room for: the preface.</summary>
    public async ValueTask ReadExactlyAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        while (end - start < destination.Length)
        {
            await FillAsync(destination.Length, cancellationToken).ConfigureAwait(false);
        }
        buffer.Bytes.AsMemory(start, destination.Length).CopyTo(destination);
        start += destination.Length;
    }

    /// <summary>Reads the next frame, or the next piece of the content frame under way. Content of at most <see cref="ProtocolLimits.MaxInlineBytes"/> comes whole.</summary>
    /// <exception cref="FerryConnectionException">The stream ended, stalled, or held something that the protocol does not allow.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async ValueTask<Frame> ReadAsync(CancellationToken cancellationToken)
    {
        while (contentLeft == 0)
        {
            while (end - start < FrameHeader.Size)
            {
                await FillAsync(FrameHeader.Size, cancellationToken).ConfigureAwait(false);
            }
            FrameHeader header = CheckedHeader();
            FrameStart = FrameEnd;
            if (IsInPieces(header))
            {
                start += FrameHeader.Size;
                content = header;
                contentLeft = header.Length;
                continue;
            }
            int whole = FrameHeader.Size + header.Length;
            while (end - start < whole)
            {
                await FillAsync(whole, cancellationToken).ConfigureAwait(false);
            }
            var payload = buffer.Bytes.AsMemory(start + FrameHeader.Size, header.Length);
            start += whole;
            return new Frame(header.Type, header.Entry, payload);
        }
        if (start == end)
        {
            await FillAsync(1, cancellationToken).ConfigureAwait(false);
        }
        int piece = Math.Min(contentLeft, end - start);
        var bytes = buffer.Bytes.AsMemory(start, piece);
        start += piece;
        contentLeft -= piece;
        return new Frame(FrameType.Content, content.Entry, bytes);
    }

    public void Dispose()
    {
        buffer.Release();
        deadline.Dispose();
    }

    private bool IsSmall => buffer.Bytes.Length == SmallSize;

    private static bool IsInPieces(FrameHeader header) => header.Type == FrameType.Content && header.Length > ProtocolLimits.MaxInlineBytes;

    private FrameHeader CheckedHeader()
    {
        FrameHeader header = FrameHeader.Read(buffer.Bytes.AsSpan(start));
        if (!Enum.IsDefined(header.Type))
        {
            throw Malformed.UnknownFrame(header.Type);
        }
        int limit = header.Type == FrameType.Content ? ProtocolLimits.MaxContentBytes : ProtocolLimits.MaxControlBytes;
        if (header.Length > limit)
        {
            throw Malformed.FrameTooLong(header.Type, header.Length, limit);
        }
        bool aboutEntry = header.Type is FrameType.Offer or FrameType.Content or FrameType.End or FrameType.Go or FrameType.Receipt or FrameType.From;
        return aboutEntry == (header.Entry != 0) ? header : throw Malformed.WrongEntry(header.Type, header.Entry);
    }

    /// <summary>Reads once, after making room for <paramref name="wanted"/> bytes from <see cref="start"/> on.</summary>
    private async ValueTask FillAsync(int wanted, CancellationToken cancellationToken)
    {
        MakeRoom(wanted);
        byte[] bytes = buffer.Bytes;
        // In the middle of content a receive stops after the next header: the pieces after it then start at the buffer's beginning.
        int most = contentLeft > 0 ? Math.Min(bytes.Length - end, contentLeft + FrameHeader.Size) : bytes.Length - end;
        int read = await ReceiveAsync(bytes.AsMemory(end, most), cancellationToken).ConfigureAwait(false);
        if (read == 0)
        {
            throw Malformed.Ended();
        }
        end += read;
        filled += read;
        Volatile.Write(ref lastReceived, Environment.TickCount64);
        if (end == bytes.Length && IsSmall)
        {
            Replace(FrameBuffer.Rent(SmallSize));
        }
    }

    private void MakeRoom(int wanted)
    {
        int held = end - start;
        int size = buffer.Bytes.Length;
        if (wanted > size || (held == 0 && contentLeft > SmallSize && IsSmall))
        {
            Replace(wanted > FrameBuffers.Size ? FrameBuffer.Allocate(wanted) : FrameBuffer.Rent(wanted));
        }
        else if (held == 0 || start + wanted > size)
        {
            if (buffer.IsShared)
            {
                Replace(IsSmall ? FrameBuffer.Allocate(SmallSize) : FrameBuffer.Rent(Math.Max(wanted, held)));
                return;
            }
            buffer.Bytes.AsSpan(start, held).CopyTo(buffer.Bytes);
            (start, end) = (0, held);
        }
    }

    private void Replace(FrameBuffer other)
    {
        buffer.Bytes.AsSpan(start, end - start).CopyTo(other.Bytes);
        (start, end) = (0, end - start);
        Interlocked.Increment(ref keptByOthers);
        buffer.Release(() => Interlocked.Decrement(ref keptByOthers));
        buffer = other;
    }

    private async ValueTask<int> ReceiveAsync(Memory<byte> destination, CancellationToken cancellationToken)
    {
        if (!deadline.TryReset())
        {
            deadline.Dispose();
            deadline = new CancellationTokenSource();
        }
        deadline.CancelAfter(stallTimeout);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(
            static source => ((CancellationTokenSource)source!).Cancel(), deadline);
        try
        {
            return await stream.ReadAsync(destination, deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Malformed.Stalled(stallTimeout);
        }
        catch (IOException e)
        {
            throw Malformed.Broken(e);
        }
        finally
        {
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);
        }
    }
}
