using System.Formats.Cbor;
using System.Numerics;

namespace Ferry.Wire;

/// <summary>
/// Gathers frames and writes them in batches. Any thread may add and send; frames that were added go out in that order, each batch as a whole.
/// </summary>
internal sealed class FrameWriter : IDisposable
{
    /// <summary>More gathered than this is sent before more is added.</summary>
    private const int BatchSize = 128 * 1024;

    private const int SmallBatch = 1024;

    private static readonly byte[] AliveFrame = [(byte)FrameType.Alive, 0, 0, 1, 0, 0, 0, 0, 0xA0];

    private readonly Stream stream;
    private readonly TimeSpan stallTimeout;
    private readonly SemaphoreSlim sending = new(1, 1);
    private readonly Lock gathering = new();
    private readonly CborWriter cbor = new(CborConformanceMode.Lax, convertIndefiniteLengthEncodings: true);
    private byte[] batch = new byte[SmallBatch];
    private byte[] spare = [];
    private int gathered;
    private bool torn;
    private bool begun;
    private FerryConnectionException? failure;
    private long lastSent = Environment.TickCount64;

    /// <param name="stream">Where the frames go.</param>
    /// <param name="stallTimeout">How long one write may wait for the peer to take anything; infinite when the caller watches the peer another way.</param>
    public FrameWriter(Stream stream, TimeSpan stallTimeout)
    {
        this.stream = stream;
        this.stallTimeout = stallTimeout;
    }

    /// <summary>True when enough is gathered that it should be sent before more is added.</summary>
    public bool IsBatchFull => Volatile.Read(ref gathered) >= BatchSize;

    public void AddPreface()
    {
        lock (gathering)
        {
            Preface.Bytes.CopyTo(Reserve(Preface.Bytes.Length));
        }
    }

    /// <summary>Adds a control frame to the batch.</summary>
    public void Add<TMessage>(uint entry, TMessage message)
        where TMessage : IMessage
    {
        lock (gathering)
        {
            Gather(entry, message);
        }
    }

    /// <summary>Adds a whole small file: its offer, its content in one frame, its end.</summary>
    public void AddFile(uint entry, in Offer offer, ReadOnlySpan<byte> content, in End end)
    {
        lock (gathering)
        {
            Gather(entry, offer);
            if (!content.IsEmpty)
            {
                Span<byte> frame = Reserve(FrameHeader.Size + content.Length);
                new FrameHeader(FrameType.Content, entry, content.Length).Write(frame);
                content.CopyTo(frame[FrameHeader.Size..]);
            }
            Gather(entry, end);
        }
    }

    /// <summary>Sends what was gathered.</summary>
    /// <exception cref="FerryConnectionException">The peer is gone, or took nothing for the stall time-out.</exception>
    public async ValueTask FlushAsync(CancellationToken cancellationToken)
    {
        if (Volatile.Read(ref gathered) == 0)
        {
            return;
        }
        await sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await SendGatheredAsync(cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            sending.Release();
        }
    }

    /// <summary>Sends what was gathered, then a content frame from a buffer of the caller's.</summary>
    /// <param name="entry">The entry it belongs to.</param>
    /// <param name="frame">The payload, with <see cref="FrameHeader.Size"/> free bytes before it for the header.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask SendContentAsync(uint entry, Memory<byte> frame, CancellationToken cancellationToken)
    {
        new FrameHeader(FrameType.Content, entry, frame.Length - FrameHeader.Size).Write(frame.Span);
        return SendBehindAsync(frame, stream.WriteAsync, cancellationToken);
    }

    /// <summary>Sends what was gathered, then a frame on its own through a call that can attach something to it.</summary>
    /// <param name="entry">What the frame is about.</param>
    /// <param name="message">Its message.</param>
    /// <param name="send">Sends the bytes that it is given, whole.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public ValueTask SendAttachedAsync<TMessage>(
        uint entry, TMessage message, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> send, CancellationToken cancellationToken)
        where TMessage : IMessage => SendBehindAsync(Encode(entry, message), send, cancellationToken);

    /// <summary>Says that this side is alive, unless something was sent within <paramref name="interval"/> or is being sent now.</summary>
    public async ValueTask KeepAliveAsync(TimeSpan interval, CancellationToken cancellationToken)
    {
        if (Environment.TickCount64 - Volatile.Read(ref lastSent) < interval.TotalMilliseconds || !sending.Wait(0, CancellationToken.None))
        {
            return;
        }
        try
        {
            await SendAsync(AliveFrame, stream.WriteAsync, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            sending.Release();
        }
    }

    /// <summary>
    /// Sends a last message in place of whatever was gathered. Says nothing when an earlier write was cut short, because the peer would read
    /// the message as part of that frame, or when the peer does not take it in time: the connection is over either way.
    /// </summary>
    public async Task SendLastAsync<TMessage>(TMessage message, CancellationToken cancellationToken)
        where TMessage : IMessage
    {
        try
        {
            await sending.WaitAsync(cancellationToken).ConfigureAwait(false);
            if (!torn)
            {
                byte[] bytes = [.. begun ? [] : Preface.Bytes, .. Encode(0, message)];
                await stream.WriteAsync(bytes, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or IOException)
        {
            // The peer does not listen any more; the failure that led here is the one to report.
        }
    }

    public void Dispose() => sending.Dispose();

    private async ValueTask SendBehindAsync(
        ReadOnlyMemory<byte> bytes, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        await sending.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            await SendGatheredAsync(cancellationToken).ConfigureAwait(false);
            await SendAsync(bytes, send, cancellationToken).ConfigureAwait(false);
        }
        finally
        {
            sending.Release();
        }
    }

    /// <summary>Takes the batch, so that others can go on adding, and sends it.</summary>
    private async ValueTask SendGatheredAsync(CancellationToken cancellationToken)
    {
        byte[] taken;
        int length;
        lock (gathering)
        {
            (taken, length) = (batch, gathered);
            if (length == 0)
            {
                return;
            }
            (batch, gathered) = (spare.Length > 0 ? spare : new byte[SmallBatch], 0);
            spare = [];
        }
        await SendAsync(taken.AsMemory(0, length), stream.WriteAsync, cancellationToken).ConfigureAwait(false);
        if (taken.Length <= 2 * BatchSize)
        {
            lock (gathering)
            {
                spare = taken;
            }
        }
    }

    private async ValueTask SendAsync(
        ReadOnlyMemory<byte> bytes, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        if (torn)
        {
            // Several may have waited for the one write that failed, and it failed for all of them.
            throw failure is null ? Malformed.Closed() : new FerryConnectionException(failure.Code, failure.Message, failure);
        }
        try
        {
            begun = torn = true;
            await WriteAsync(bytes, send, cancellationToken).ConfigureAwait(false);
            torn = false;
            Volatile.Write(ref lastSent, Environment.TickCount64);
        }
        catch (IOException e)
        {
            failure = Malformed.Broken(e);
            throw failure;
        }
        catch (ObjectDisposedException)
        {
            // The connection was given up elsewhere, with a reason of its own, after this write was let in.
            failure = Malformed.Closed();
            throw failure;
        }
        catch (FerryConnectionException e)
        {
            failure = e;
            throw;
        }
    }

    private async ValueTask WriteAsync(
        ReadOnlyMemory<byte> bytes, Func<ReadOnlyMemory<byte>, CancellationToken, ValueTask> send, CancellationToken cancellationToken)
    {
        using var ending = new CancellationTokenSource(stallTimeout);
        // Nothing can end it before it has begun: the frame would count as cut short although none of it was sent, and nothing could follow it.
        ValueTask writing = send(bytes, ending.Token);
        using CancellationTokenRegistration registration = cancellationToken.UnsafeRegister(static ending => ((CancellationTokenSource)ending!).Cancel(), ending);
        try
        {
            await writing.ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw Malformed.Stalled(stallTimeout);
        }
    }

    private void Gather<TMessage>(uint entry, in TMessage message)
        where TMessage : IMessage
    {
        cbor.Reset();
        message.Write(cbor);
        int length = cbor.BytesWritten;
        Span<byte> frame = Reserve(FrameHeader.Size + length);
        new FrameHeader(TMessage.Type, entry, length).Write(frame);
        cbor.Encode(frame[FrameHeader.Size..]);
    }

    private static byte[] Encode<TMessage>(uint entry, TMessage message)
        where TMessage : IMessage
    {
        var cbor = new CborWriter(CborConformanceMode.Lax, convertIndefiniteLengthEncodings: true);
        message.Write(cbor);
        byte[] frame = new byte[FrameHeader.Size + cbor.BytesWritten];
        new FrameHeader(TMessage.Type, entry, cbor.BytesWritten).Write(frame);
        cbor.Encode(frame.AsSpan(FrameHeader.Size));
        return frame;
    }

    private Span<byte> Reserve(int length)
    {
        if (gathered + length > batch.Length)
        {
            // A power of two, so that what held a full batch is no larger than what is kept for the next.
            Array.Resize(ref batch, (int)BitOperations.RoundUpToPowerOf2((uint)(gathered + length)));
        }
        Span<byte> room = batch.AsSpan(gathered, length);
        gathered += length;
        return room;
    }
}
