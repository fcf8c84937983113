using System.Runtime.CompilerServices;
using Ferry.Files;
using Ferry.Sending;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry;

/// <summary>
/// A connection to a Ferry server over its native protocol, with one delivery at a time: a second call waits for the first. A receipt
/// that says <see cref="ReceiptResult.Stored"/> means that the content is stored, whole and compared.
/// </summary>
/// <example>
/// <code>
/// await using var client = await FerryClient.ConnectAsync("ferry.sock");
/// Receipt receipt = await client.SendAsync("report.pdf");
/// </code>
/// </example>
public sealed partial class FerryClient : IAsyncDisposable
{
    private static readonly TimeSpan FarewellTime = TimeSpan.FromSeconds(2);

    private readonly SemaphoreSlim turn = new(1, 1);
    private readonly Func<CancellationToken, Task<NativeConnection>>? connect;
    private readonly FerryClientOptions options;
    private NativeConnection connection;
    private string algorithm;
    private Task reading;
    private volatile NativeDelivery? delivery;
    private uint lastEntry;
    private bool hasKey;
    private bool disposed;

    private FerryClient(NativeConnection connection, FerryClientOptions options, Func<CancellationToken, Task<NativeConnection>>? connect)
    {
        this.options = options;
        this.connect = options.Retries == 0 ? null : connect;
        Use(connection);
    }

    /// <summary>The highest level that the server gives.</summary>
    public Durability ServerDurability => connection.Peer.Level ?? Durability.Received;

    /// <summary>Connects to a server.</summary>
    /// <param name="address">Where it listens; a <c>plain:</c> address is for <see cref="PlainClient"/>.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Gives the attempt up.</param>
    /// <exception cref="FerryConnectionException">No server is there (<see cref="FerryErrorCode.NoServer"/>), it does not let this user in (<see cref="FerryErrorCode.NotAllowed"/>), or it does not speak the native protocol.</exception>
    public static async Task<FerryClient> ConnectAsync(FerryAddress address, FerryClientOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (address.Scheme != FerryScheme.Unix)
        {
            throw new FerryException(FerryErrorCode.Usage, $"{address} speaks the plain protocol; use PlainClient, or give the path alone for the native protocol");
        }
        options ??= new FerryClientOptions();
        if (options.Retries < 0)
        {
            throw new FerryException(FerryErrorCode.Usage, $"Retries is {options.Retries}; give 0 or more");
        }
        Task<NativeConnection> ConnectAsync(CancellationToken token) =>
            UnixConnection.ConnectAsync(address.Path, options, socket => GreetAsync(new UnixStream(socket), options, token), token);
        NativeConnection connection = await new Reconnection(options).ConnectAsync(null, ConnectAsync, cancellationToken).ConfigureAwait(false);
        return await UseAsync(connection, options, ConnectAsync).ConfigureAwait(false);
    }

    /// <summary>Greets over any duplex byte stream, which the client owns from then on.</summary>
    internal static async Task<FerryClient> OpenAsync(Stream stream, FerryClientOptions options, CancellationToken cancellationToken) =>
        await UseAsync(await GreetAsync(stream, options, cancellationToken).ConfigureAwait(false), options, null).ConfigureAwait(false);

    private static async Task<NativeConnection> GreetAsync(Stream stream, FerryClientOptions options, CancellationToken cancellationToken)
    {
        bool descriptors = options.Descriptors && stream is UnixStream;
        var greeting = new Greeting
        {
            Versions = [Greeting.CurrentVersion],
            Capabilities = descriptors ? [Greeting.Descriptors, Greeting.Resume] : [Greeting.Resume],
            StallTimeout = options.StallTimeout == Timeout.InfiniteTimeSpan ? null : options.StallTimeout,
            Hashes = ContentHash.Algorithms,
            Software = Greeting.OurSoftware,
        };
        // The reader watches for a silent server; a write may wait for as long as the server says that it is alive.
        var connection = new NativeConnection(stream, greeting, options.StallTimeout, Timeout.InfiniteTimeSpan);
        try
        {
            if (descriptors)
            {
                ((UnixStream)stream).AcceptDescriptors();
            }
            await connection.GreetFirstAsync(cancellationToken).ConfigureAwait(false);
            await connection.AnswerProofAsync(cancellationToken).ConfigureAwait(false);
            return connection;
        }
        catch (Exception e)
        {
            FerryException? failure = e is FerryException known ? await connection.FailAsync(known).ConfigureAwait(false) : null;
            await connection.DisposeAsync().ConfigureAwait(false);
            if (failure is null)
            {
                throw;
            }
            throw failure;
        }
    }

    private static async Task<FerryClient> UseAsync(
        NativeConnection connection, FerryClientOptions options, Func<CancellationToken, Task<NativeConnection>>? connect)
    {
        try
        {
            return new FerryClient(connection, options, connect);
        }
        catch (FerryException e)
        {
            FerryException failure = await connection.FailAsync(e).ConfigureAwait(false);
            await connection.DisposeAsync().ConfigureAwait(false);
            throw failure;
        }
    }

    /// <summary>Sends one file, following <paramref name="path"/> where it is a symbolic link.</summary>
    /// <param name="path">The file. It arrives under its last component unless the options say otherwise.</param>
    /// <param name="options">Options; null for the defaults.</param>
    /// <param name="cancellationToken">Ends the delivery and closes the client.</param>
    /// <returns>The receipt, which says stored.</returns>
    /// <exception cref="FerryException">The file is not stored; the exception's receipt says why. The client remains usable.</exception>
    /// <exception cref="FerryConnectionException">The connection failed; whether the file is stored is unknown.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<Receipt> SendAsync(FerryPath path, SendOptions? options = null, CancellationToken cancellationToken = default)
    {
        if (SourcePath.Classify(path).Kind == SourceKind.Directory)
        {
            throw new FerryException(FerryErrorCode.Usage, $"{path} is a directory; send it with SendManyAsync");
        }
        return await SingleAsync(SendManyAsync([path], options, cancellationToken)).ConfigureAwait(false);
    }

    /// <summary>Sends what a stream holds from its position to its end. The stream stays open.</summary>
    /// <param name="content">The content; read once.</param>
    /// <param name="name">The name it arrives under, below <see cref="SendOptions.Into"/> where that is given.</param>
    /// <param name="options">Options; null for the defaults. <see cref="SendOptions.As"/> is not used: the name is <paramref name="name"/>.</param>
    /// <param name="cancellationToken">Ends the delivery and closes the client.</param>
    /// <returns>The receipt, which says stored.</returns>
    /// <exception cref="FerryException">The content is not stored; the exception's receipt says why. The client remains usable.</exception>
    /// <exception cref="FerryConnectionException">The connection failed; whether the content is stored is unknown.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public Task<Receipt> SendAsync(Stream content, FerryPath name, SendOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        options ??= new SendOptions();
        FerryPath arrival = ArrivalName.For(name, options.Into);
        return SingleAsync(DeliverAsync(current => current.SendStreamAsync(arrival, content), options, cancellationToken));
    }

    /// <summary>
    /// Sends files and whole trees, in constant memory. Every file and directory ends in a receipt; one that is refused, unreadable or
    /// special is a receipt like any other and does not stop the rest.
    /// </summary>
    /// <param name="paths">What to send; each arrives under its last component unless the options say otherwise.</param>
    /// <param name="options">Options; null for the defaults. <see cref="SendOptions.As"/> goes with exactly one path.</param>
    /// <param name="cancellationToken">Ends the delivery and closes the client.</param>
    /// <returns>Receipts in the order in which they come, while the sending goes on.</returns>
    /// <exception cref="FerryConnectionException">The connection failed. Before this is thrown, each entry without a receipt was yielded as <see cref="ReceiptResult.Unknown"/>.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public IAsyncEnumerable<Receipt> SendManyAsync(IEnumerable<FerryPath> paths, SendOptions? options = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(paths);
        options ??= new SendOptions();
        ArrivalName.Check(options);
        if (options.Atomic && !connection.Peer.Capabilities.Contains(Greeting.Atomic))
        {
            throw new FerryException(FerryErrorCode.Unsupported, "the server cannot store a directory in one step; send without --atomic, or with a newer server");
        }
        return DeliverAsync(current => SendPathsAsync(current, paths, options), options, cancellationToken);
    }

    /// <summary>Says goodbye to the server and closes the connection.</summary>
    public async ValueTask DisposeAsync()
    {
        if (disposed)
        {
            return;
        }
        disposed = true;
        if (connection.Failure is null && delivery is null)
        {
            await SayGoodbyeAsync().ConfigureAwait(false);
        }
        await connection.FailAsync(Malformed.Closed()).ConfigureAwait(false);
        await reading.ConfigureAwait(false);
        await connection.DisposeAsync().ConfigureAwait(false);
        turn.Dispose();
    }

    private static async Task SendPathsAsync(NativeDelivery current, IEnumerable<FerryPath> paths, SendOptions options)
    {
        current.Source = -1;
        foreach (FerryPath path in paths)
        {
            current.Source++;
            SourcePath source = SourcePath.Classify(path);
            FerryPath arrival = options.As is { } name ? ArrivalName.ForAs(name) : ArrivalName.For(source.Name, options.Into);
            if (source.Kind == SourceKind.Stream && options.As is not null)
            {
                using Stream content = SourceTree.OpenStream(source);
                await current.SendStreamAsync(arrival, content).ConfigureAwait(false);
                // So far it is only offered.
                await current.FinishAsync().ConfigureAwait(false);
            }
            else
            {
                await current.SendTreeAsync(SourceTree.Find(source), arrival, source).ConfigureAwait(false);
            }
        }
    }

    private static async Task<Receipt> SingleAsync(IAsyncEnumerable<Receipt> receipts)
    {
        Receipt? single = null;
        await foreach (Receipt receipt in receipts.ConfigureAwait(false))
        {
            single = receipt;
        }
        return single is { Result: ReceiptResult.Stored } ? single : throw new FerryException(single!);
    }

    private async IAsyncEnumerable<Receipt> DeliverAsync(
        Func<NativeDelivery, Task> send, SendOptions options, [EnumeratorCancellation] CancellationToken cancellationToken)
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        await turn.WaitAsync(cancellationToken).ConfigureAwait(false);
        try
        {
            if (connection.Failure is { } failure && (connect is null || !Reconnection.MayPass(failure.Code, wasThere: true)))
            {
                throw failure;
            }
            CheckCanReplay(options);
            using var abandoned = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
            var progress = new ProgressCounter(options.Progress);
            NativeDelivery current = Begin(options, progress, abandoned.Token);
            delivery = current;
            await using CancellationTokenRegistration cancelled = cancellationToken.UnsafeRegister(_ => _ = connection.FailAsync(Cancelled()), null);
            Task sending = Task.Run(() => SendAllAsync(current, send), CancellationToken.None);
            bool complete = false;
            try
            {
                await foreach (Receipt receipt in current.Entries.ReceiptsAsync().ConfigureAwait(false))
                {
                    progress.Done();
                    yield return receipt;
                }
                complete = true;
            }
            finally
            {
                if (!complete)
                {
                    // The caller stopped taking receipts: what is under way cannot be completed.
                    await abandoned.CancelAsync().ConfigureAwait(false);
                    await connection.FailAsync(Cancelled()).ConfigureAwait(false);
                }
                await sending.ConfigureAwait(false);
                cancellationToken.ThrowIfCancellationRequested();
            }
            progress.Report();
            delivery = null;
        }
        finally
        {
            turn.Release();
        }
    }

    private static FerryConnectionException Cancelled() => new(FerryErrorCode.GivenUp, "the sender cancelled the delivery");

    /// <summary>Runs one delivery's sending side; whatever happens ends up in the receipts.</summary>
    private async Task SendAllAsync(NativeDelivery current, Func<NativeDelivery, Task> send)
    {
        try
        {
            await send(current).ConfigureAwait(false);
            await current.FinishAsync().ConfigureAwait(false);
            current.Entries.Complete(null);
        }
        catch (Exception e)
        {
            current.Entries.Complete(await FirstFailureAsync(e).ConfigureAwait(false));
        }
    }

    /// <summary>The failure to report: what the server said, where it said something, tells more than the broken pipe that it left.</summary>
    private async Task<FerryException> FirstFailureAsync(Exception e)
    {
        if (e is FerryConnectionException { IsFinal: true } final)
        {
            return final;
        }
        if (e is FerryConnectionException { Code: FerryErrorCode.ConnectionLost })
        {
            await Task.WhenAny(reading, Task.Delay(FarewellTime)).ConfigureAwait(false);
        }
        if (e is OperationCanceledException && connection.Failure is { } cause)
        {
            return cause;
        }
        FerryException reason = e as FerryException ?? new FerryConnectionException(FerryErrorCode.Internal, $"the delivery failed: {e.Message}", e);
        return await connection.FailAsync(reason).ConfigureAwait(false);
    }

    /// <summary>Reads for as long as the connection lives: a side that sends entries always reads.</summary>
    private async Task ReadAnswersAsync()
    {
        try
        {
            while (Handle(await connection.Reader.ReadAsync(connection.Broken).ConfigureAwait(false)))
            {
            }
        }
        catch (FerryException e)
        {
            await connection.FailAsync(e).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or ObjectDisposedException)
        {
            // The connection was given up or closed elsewhere, with a reason of its own.
        }
    }

    private bool Handle(Frame frame)
    {
        connection.RefuseDescriptors();
        switch (frame.Type)
        {
            case FrameType.Go:
                Go go = Go.Read(connection.Reader.Cbor, frame.Payload);
                (delivery ?? throw Malformed.UnknownEntry(frame.Type, frame.Entry)).Entries.OnGo(frame.Entry, go);
                return true;
            case FrameType.Receipt:
                ReceiptMessage message = ReceiptMessage.Read(connection.Reader.Cbor, frame.Payload);
                (delivery ?? throw Malformed.UnknownEntry(frame.Type, frame.Entry)).Entries.OnReceipt(frame.Entry, message);
                return true;
            case FrameType.Alive:
                EmptyMap.Read(connection.Reader.Cbor, "alive", frame.Payload);
                return true;
            case FrameType.Finish when disposed:
                EmptyMap.Read(connection.Reader.Cbor, "finish", frame.Payload);
                return false;
            case FrameType.Failure:
                throw connection.ReadFailure(frame);
            case FrameType.Greeting:
                throw Malformed.SecondGreeting();
            default:
                throw Malformed.UnexpectedFrame(frame.Type);
        }
    }

    private async Task SayGoodbyeAsync()
    {
        try
        {
            connection.Writer.Add(0, new Finish());
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
            await reading.WaitAsync(FarewellTime).ConfigureAwait(false);
        }
        catch (Exception e) when (e is FerryException or TimeoutException or OperationCanceledException)
        {
            // Every receipt has come; a server that does not answer a goodbye changes nothing about them.
        }
    }
}
