using System.Security.Cryptography;
using Ferry.Files;
using Ferry.Native;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Transport;

/// <summary>
/// One native connection: a duplex byte stream with its reader, its writer, the greetings, and the sign of life that goes out when
/// nothing else does. <see cref="FailAsync"/> is the one place that gives a connection up; the first failure wins.
/// </summary>
internal sealed class NativeConnection : IAsyncDisposable
{
    private static readonly TimeSpan MostGreetingTime = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FarewellTime = TimeSpan.FromSeconds(1);

    private readonly Stream stream;
    private readonly Greeting ours;
    private readonly CancellationTokenSource broken = new();
    private readonly TaskCompletionSource givenUp = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private Task heartbeat = Task.CompletedTask;
    private FerryConnectionException? failure;
    private byte[]? secret;

    /// <param name="stream">The connection; owned from now on.</param>
    /// <param name="ours">What this side says of itself.</param>
    /// <param name="stallTimeout">How long the peer may send nothing.</param>
    /// <param name="writeStallTimeout">How long the peer may take nothing; infinite on a side that always reads.</param>
    public NativeConnection(Stream stream, Greeting ours, TimeSpan stallTimeout, TimeSpan writeStallTimeout)
    {
        this.stream = stream;
        this.ours = ours;
        Reader = new FrameReader(stream, stallTimeout);
        Writer = new FrameWriter(stream, writeStallTimeout);
        GreetingTime = stallTimeout == Timeout.InfiniteTimeSpan || stallTimeout > MostGreetingTime ? MostGreetingTime : stallTimeout;
    }

    public FrameReader Reader { get; }

    public FrameWriter Writer { get; }

    /// <summary>What the peer said of itself; set by <see cref="GreetFirstAsync"/> or <see cref="GreetSecondAsync"/>.</summary>
    public Greeting Peer { get; private set; } = new();

    /// <summary>Cancelled when the connection is given up; every wait on this connection ends with it.</summary>
    public CancellationToken Broken => broken.Token;

    /// <summary>Why the connection was given up; null while it lives.</summary>
    public FerryConnectionException? Failure => Volatile.Read(ref failure);

    /// <summary>True once it is shown that descriptors arrive: no relay is between the two sides.</summary>
    public bool DescriptorsArrive { get; private set; }

    /// <summary>True when the peer will send nothing any more, and nothing that it sent waits to be read.</summary>
    public bool HasPeerLeft => stream is UnixStream { HasPeerLeft: true };

    /// <summary>How long the exchange of greetings may take in all.</summary>
    private TimeSpan GreetingTime { get; }

    /// <summary>The failure of a connection for a fault of our own.</summary>
    public static FerryConnectionException Internal(Exception e) => new(FerryErrorCode.Internal, $"internal error: {e.Message}", e);

    /// <summary>Whether both sides named a capability.</summary>
    public bool BothName(string capability) => ours.Capabilities.Contains(capability) && Peer.Capabilities.Contains(capability);

    /// <summary>True when nothing came for longer than this, and nothing waits to be read. Never for the infinite time.</summary>
    public bool IsSilentFor(TimeSpan time) =>
        time > TimeSpan.Zero && Environment.TickCount64 - Reader.LastReceived > time.TotalMilliseconds && stream is UnixStream { HasWaiting: false };

    /// <summary>The client's order: say hello, then hear the server.</summary>
    public Task GreetFirstAsync(CancellationToken cancellationToken) => WithDeadlineAsync(async token =>
    {
        try
        {
            await SendGreetingAsync(token).ConfigureAwait(false);
        }
        catch (FerryConnectionException e) when (e.Code == FerryErrorCode.ConnectionLost)
        {
            // A server that refuses this peer may have closed already; what it said before that is still to be read, and tells more.
        }
        await ReceiveGreetingAsync(token).ConfigureAwait(false);
    }, cancellationToken);

    /// <summary>The server's order: hear the client before saying anything.</summary>
    public Task GreetSecondAsync(CancellationToken cancellationToken) => WithDeadlineAsync(async token =>
    {
        await ReceiveGreetingAsync(token).ConfigureAwait(false);
        await SendGreetingAsync(token).ConfigureAwait(false);
    }, cancellationToken);

    /// <summary>The server passes a file with random bytes in it, when both sides named the capability. It takes descriptors from now on.</summary>
    public async Task SendProofAsync()
    {
        if (!BothPassDescriptors || stream is not UnixStream unix)
        {
            return;
        }
        byte[] random = RandomNumberGenerator.GetBytes(Proof.Size);
        int error = DescriptorCalls.MakeMemoryFile(random, out SafeFileHandle file);
        using (file)
        {
            // Without a file to pass the proof is still due; it fails, and content is streamed.
            SafeFileHandle[] attached = error == 0 ? [file] : [];
            secret = random;
            unix.AcceptDescriptors();
            await SendAttachedAsync(unix, new Proof(null), attached).ConfigureAwait(false);
        }
    }

    /// <summary>The client's answer to the server's proof: what it could read.</summary>
    public async Task AnswerProofAsync(CancellationToken cancellationToken)
    {
        if (!BothPassDescriptors || stream is not UnixStream unix)
        {
            return;
        }
        Frame frame;
        do
        {
            frame = await Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        }
        while (frame.Type == FrameType.Alive);
        if (frame.Type == FrameType.Failure)
        {
            throw ReadFailure(frame);
        }
        _ = frame.Type == FrameType.Proof ? Proof.Read(Reader.Cbor, frame.Payload) : throw Malformed.UnexpectedFrame(frame.Type);
        byte[]? read = ReadProof(unix);
        DescriptorsArrive = read is not null;
        Writer.Add(0, new Proof(read));
        await Writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    /// <summary>The server compares the client's answer.</summary>
    /// <exception cref="FerryConnectionException">No answer was due.</exception>
    public void CheckProof(Frame frame)
    {
        byte[] expected = secret ?? throw Malformed.UnexpectedFrame(frame.Type);
        secret = null;
        DescriptorsArrive = Proof.Read(Reader.Cbor, frame.Payload).Bytes.AsSpan().SequenceEqual(expected);
    }

    /// <summary>Passes open files, in one message, for entries that were offered so.</summary>
    public ValueTask PassAsync(IReadOnlyList<uint> entries, SafeFileHandle[] files) =>
        SendAttachedAsync((UnixStream)stream, new Pass(entries), files);

    /// <summary>The descriptors that came with the frame read last; null when none did.</summary>
    public ReceivedDescriptors? TakeDescriptors() => (stream as UnixStream)?.TakeDescriptors(Reader.FrameStart, Reader.FrameEnd);

    /// <summary>Makes sure that none came with what was read so far.</summary>
    /// <exception cref="FerryConnectionException">Some did.</exception>
    public void RefuseDescriptors() => (stream as UnixStream)?.RefuseDescriptors(Reader.FrameEnd);

    /// <summary>
    /// Gives the connection up for the given reason, unless that happened before. The peer is told, where it does not know already and
    /// nothing is half sent.
    /// </summary>
    /// <returns>The first failure, which is the one to report.</returns>
    public async Task<FerryConnectionException> FailAsync(FerryException cause)
    {
        // What one entry's refusal would be elsewhere ends the connection here.
        FerryConnectionException reason = cause as FerryConnectionException ?? new FerryConnectionException(cause.Code, cause.Message, cause);
        if (Interlocked.CompareExchange(ref failure, reason, null) is { } first)
        {
            return first;
        }
        try
        {
            await broken.CancelAsync().ConfigureAwait(false);
            if (!reason.FromPeer && reason.Code != FerryErrorCode.ConnectionLost)
            {
                using var farewell = new CancellationTokenSource(FarewellTime);
                await Writer.SendLastAsync(new Failure(reason.Code, reason.Message), farewell.Token).ConfigureAwait(false);
            }
            await stream.DisposeAsync().ConfigureAwait(false);
        }
        finally
        {
            givenUp.SetResult();
        }
        return reason;
    }

    /// <summary>The exception for a failure frame: the peer's reason, as it gave it.</summary>
    public FerryConnectionException ReadFailure(Frame frame)
    {
        Failure told = Wire.Failure.Read(Reader.Cbor, frame.Payload);
        return new FerryConnectionException(told.Code, EscapedText.FromString(told.Reason)) { FromPeer = true };
    }

    /// <summary>Closes the connection, which nobody may be reading or writing any more.</summary>
    public async ValueTask DisposeAsync()
    {
        await FailAsync(Malformed.Closed()).ConfigureAwait(false);
        // A failure elsewhere may still be telling the peer.
        await givenUp.Task.ConfigureAwait(false);
        await heartbeat.ConfigureAwait(false);
        Reader.Dispose();
        Writer.Dispose();
        broken.Dispose();
    }

    private bool BothPassDescriptors => BothName(Greeting.Descriptors);

    private ValueTask SendAttachedAsync<TMessage>(UnixStream unix, TMessage message, SafeFileHandle[] attached)
        where TMessage : IMessage =>
        Writer.SendAttachedAsync(0, message, (bytes, token) => attached.Length == 0 ? unix.WriteAsync(bytes, token) : unix.WriteAsync(bytes, attached, token), Broken);

    private byte[]? ReadProof(UnixStream unix)
    {
        using ReceivedDescriptors? received = unix.TakeDescriptors(Reader.FrameStart, Reader.FrameEnd);
        if (received is not { Count: 1, IsComplete: true })
        {
            return null;
        }
        using SourceFile? file = PassedFile.Open(received.Take(0), "the server's proof");
        byte[] bytes = new byte[Proof.Size];
        return file is not null && file.Read(bytes, 0) == bytes.Length ? bytes : null;
    }

    private async Task WithDeadlineAsync(Func<CancellationToken, Task> greet, CancellationToken cancellationToken)
    {
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken, Broken);
        deadline.CancelAfter(GreetingTime);
        try
        {
            await greet(deadline.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested && Failure is null)
        {
            throw Malformed.GreetingStalled(GreetingTime);
        }
        CheckPeer();
        heartbeat = KeepAliveAsync();
    }

    private async Task SendGreetingAsync(CancellationToken cancellationToken)
    {
        Writer.AddPreface();
        Writer.Add(0, ours);
        await Writer.FlushAsync(cancellationToken).ConfigureAwait(false);
    }

    private async Task ReceiveGreetingAsync(CancellationToken cancellationToken)
    {
        byte[] preface = new byte[Preface.Bytes.Length];
        await Reader.ReadExactlyAsync(preface, cancellationToken).ConfigureAwait(false);
        if (!Preface.Bytes.SequenceEqual(preface))
        {
            throw Malformed.NotNative();
        }
        Frame frame = await Reader.ReadAsync(cancellationToken).ConfigureAwait(false);
        Peer = frame.Type switch
        {
            FrameType.Greeting => Greeting.Read(Reader.Cbor, frame.Payload),
            FrameType.Failure => throw ReadFailure(frame),
            _ => throw Malformed.FirstFrame(frame.Type),
        };
    }

    private void CheckPeer()
    {
        if (!Peer.Versions.Contains(Greeting.CurrentVersion))
        {
            throw Malformed.NoCommonVersion(string.Join(", ", Peer.Versions));
        }
    }

    /// <summary>Sends a sign of life so that the peer never hears nothing for longer than a third of its stall time-out.</summary>
    private async Task KeepAliveAsync()
    {
        if (Peer.StallTimeout is not { } stall)
        {
            return;
        }
        TimeSpan interval = stall / 6;
        using var timer = new PeriodicTimer(interval);
        // Not by cancelling the wait: for that the timer makes an exception with its stack trace in words, which takes longer than sending a small file.
        await using CancellationTokenRegistration ending = Broken.UnsafeRegister(static timer => ((PeriodicTimer)timer!).Dispose(), timer);
        try
        {
            while (await timer.WaitForNextTickAsync(CancellationToken.None).ConfigureAwait(false))
            {
                await Writer.KeepAliveAsync(interval, Broken).ConfigureAwait(false);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or FerryConnectionException or ObjectDisposedException)
        {
            // The connection is over; whoever reads or writes next meets the cause and reports it.
        }
    }
}
