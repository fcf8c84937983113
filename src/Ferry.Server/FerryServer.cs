using Ferry.Native;
using Ferry.Server.Listening;
using Ferry.Server.Storage;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ferry.Server;

/// <summary>Receives files into a directory, for any number of clients at once, until it is stopped.</summary>
/// <example>
/// <code>
/// await using var server = await FerryServer.StartAsync(new FerryServerOptions { Root = "inbox", Address = "ferry.sock" });
/// await server.Completion;
/// </code>
/// </example>
public sealed class FerryServer : IAsyncDisposable
{
    /// <summary>
    /// Sessions block in disk calls. Up to this many get a thread at once, so that slow flushes do not hold up the others; idle threads end.
    /// A thread may need two descriptors, so there are fewer where these are few.
    /// </summary>
    private const int MostThreads = 64, DescriptorsPerThread = 16;

    private readonly FerryServerOptions options;
    private readonly ILogger logger;
    private readonly Store store;
    private readonly SocketFile socketFile;
    private readonly DeliveryLog deliveries;
    private readonly ConnectionSet connections;
    private readonly CancellationTokenSource stopping = new();
    private readonly CancellationTokenSource abort = new();

    private FerryServer(FerryServerOptions options, long descriptors, ILogger logger, IReadOnlyList<IDeliveryObserver> observers)
    {
        this.options = options;
        this.logger = logger;
        Address = options.Address;
        AccessPolicy policy = AccessPolicy.From(options);
        store = Store.Open(options);
        try
        {
            socketFile = SocketFile.Listen(Address.Path, policy);
        }
        catch
        {
            store.Dispose();
            throw;
        }
        store.Partials.Logger = logger;
        deliveries = new DeliveryLog(logger, observers, TimeProvider.System);
        var reception = new Reception(options, store, policy, deliveries, stopping.Token, abort.Token);
        connections = new ConnectionSet(socketFile.Listener, reception, options.MaxConnections, descriptors, logger);
        LogStart(policy);
        Completion = RunAsync();
    }

    /// <summary>Where the server listens.</summary>
    public FerryAddress Address { get; }

    /// <summary>Ends when the server has stopped and another can serve the same directory and address.</summary>
    public Task Completion { get; }

    /// <summary>Opens the directory, listens, and accepts connections from then on.</summary>
    /// <param name="options">The options; not to be changed afterwards.</param>
    /// <param name="loggerFactory">Where to log; null for nowhere.</param>
    /// <param name="observers">Who hears of what arrives; null for nobody.</param>
    /// <param name="cancellationToken">Gives the start up.</param>
    /// <exception cref="FerryException">An option is wrong, the directory cannot be served, or somebody serves there already.</exception>
    public static Task<FerryServer> StartAsync(
        FerryServerOptions options,
        ILoggerFactory? loggerFactory = null,
        IEnumerable<IDeliveryObserver>? observers = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        return Task.Run(() => Start(options, loggerFactory, observers), cancellationToken);
    }

    /// <summary>Removes the socket file, lets what is in flight finish within <see cref="FerryServerOptions.Grace"/>, and cuts the rest.</summary>
    /// <param name="cancellationToken">Ends the grace at once.</param>
    public async Task StopAsync(CancellationToken cancellationToken = default)
    {
        if (Completion.IsCompleted)
        {
            return;
        }
        if (!stopping.IsCancellationRequested && connections.Count > 0)
        {
            ServerLog.Stopping(logger, connections.Count, options.Grace);
        }
        await stopping.CancelAsync().ConfigureAwait(false);
        await using CancellationTokenRegistration cut = cancellationToken.UnsafeRegister(_ => abort.Cancel(), null);
        await Completion.ConfigureAwait(false);
    }

    /// <summary>Stops the server, as <see cref="StopAsync"/> does, and waits for it.</summary>
    public async ValueTask DisposeAsync()
    {
        await StopAsync().ConfigureAwait(false);
        stopping.Dispose();
        abort.Dispose();
    }

    private static FerryServer Start(FerryServerOptions options, ILoggerFactory? loggerFactory, IEnumerable<IDeliveryObserver>? observers)
    {
        FerryServerOptionsValidator.Check(options);
        long descriptors = ProcessCalls.RaiseOpenFilesLimit();
        ThreadPool.GetMinThreads(out int workers, out int completionPorts);
        ThreadPool.SetMinThreads((int)Math.Max(workers, Math.Min(MostThreads, descriptors / DescriptorsPerThread)), completionPorts);
        ILogger logger = (loggerFactory ?? NullLoggerFactory.Instance).CreateLogger("Ferry");
        return new FerryServer(options, descriptors, logger, [.. observers ?? []]);
    }

    private async Task RunAsync()
    {
        await connections.AcceptAsync(stopping.Token).ConfigureAwait(false);
        // Who comes from now on hears at once that nobody listens; who came before is still served.
        socketFile.Remove();
        connections.AcceptWaiting();
        socketFile.Listener.Dispose();
        abort.CancelAfter(options.Grace);
        Task all = connections.AllEndedAsync();
        await all.WaitAsync(abort.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        if (!all.IsCompleted)
        {
            ServerLog.Cut(logger, connections.Count);
            await all.ConfigureAwait(false);
        }
        deliveries.Dispose();
        socketFile.Dispose();
        store.Dispose();
        ServerLog.Stopped(logger);
    }

    private void LogStart(AccessPolicy policy)
    {
        if (store.Staging.SweepNote is { } left)
        {
            ServerLog.Note(logger, left);
        }
        if (store.DurabilityNote is { } note)
        {
            ServerLog.Note(logger, note);
        }
        if (ParentAccess.Warning(Address.Path, policy) is { } warning)
        {
            ServerLog.Note(logger, warning);
        }
        ServerLog.Started(logger, Address, EscapedText.FromString(options.Root), policy.ToString(), $"receipts say {store.HighestLevel.WireName()}");
        ServerLog.Waiting(logger);
    }
}
