using Ferry.Server;
using Ferry.Server.Storage;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ferry.Tests.Support;

/// <summary>A store with one native session, connected to a client or to whatever a test writes itself.</summary>
internal sealed class NativePair : IAsyncDisposable, IDeliveryObserver
{
    private readonly TestDirectory directory = new();
    private readonly List<Receipt> receipts = [];
    private readonly Store store;
    private readonly DeliveryLog deliveries;
    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource abort = new();

    /// <param name="configure">Changes the server's options.</param>
    /// <param name="descriptors">Whether the two sides are connected so that open files can be passed.</param>
    /// <param name="user">The user of the peer; null for one that the kernel does not know.</param>
    /// <param name="narrow">Whether the server's receipts soon have no room when they are not read.</param>
    public NativePair(Action<FerryServerOptions>? configure = null, bool descriptors = false, bool narrow = false, uint? user = 1000)
    {
        var options = new FerryServerOptions { Root = directory["root"], Address = "unused" };
        configure?.Invoke(options);
        Root = options.Root;
        store = Store.Open(options);
        (Stream client, Stream server) = descriptors ? SocketPair.OpenPassing() : SocketPair.Open();
        if (narrow)
        {
            ((System.Net.Sockets.NetworkStream)server).Socket.SendBufferSize = 1;
        }
        ClientStream = client;
        deliveries = new DeliveryLog(NullLogger.Instance, [this], TimeProvider.System);
        var record = new DeliveryRecord("test", deliveries);
        var context = new SessionContext(options, store, record, stopping.Token, abort.Token) { User = user };
        Session = NativeSession.RunAsync(server, context);
    }

    public Stream ClientStream { get; }

    /// <summary>Ends when the session ends; failed when the connection did.</summary>
    public Task Session { get; }

    /// <summary>What the server reported so far.</summary>
    public IReadOnlyList<Receipt> Receipts
    {
        get
        {
            lock (receipts)
            {
                return [.. receipts];
            }
        }
    }

    public string Root { get; }

    /// <summary>A directory for sources, beside the root.</summary>
    public string Sources => Directory.CreateDirectory(directory["sources"]).FullName;

    public Task<FerryClient> ConnectAsync(FerryClientOptions? options = null) =>
        FerryClient.OpenAsync(ClientStream, options ?? new FerryClientOptions(), CancellationToken.None);

    public void Stop() => stopping.Cancel();

    public void Abort() => abort.Cancel();

    /// <summary>The session's workers report from threads of their own.</summary>
    public void Received(Receipt receipt)
    {
        lock (receipts)
        {
            receipts.Add(receipt);
        }
    }

    public void Ended(DeliverySummary delivery)
    {
    }

    public async ValueTask DisposeAsync()
    {
        await abort.CancelAsync();
        await ClientStream.DisposeAsync();
        await Session.ContinueWith(_ => { }, TaskScheduler.Default);
        store.Dispose();
        deliveries.Dispose();
        directory.Dispose();
        stopping.Dispose();
        abort.Dispose();
    }
}
