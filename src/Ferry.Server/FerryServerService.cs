using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Ferry.Server;

/// <summary>Runs one named server for as long as its host runs.</summary>
internal sealed class FerryServerService(
    string name, IOptionsMonitor<FerryServerOptions> options, ILoggerFactory loggerFactory, IEnumerable<IDeliveryObserver> observers) : IHostedService, IAsyncDisposable
{
    private FerryServer? server;

    public async Task StartAsync(CancellationToken cancellationToken) =>
        server = await FerryServer.StartAsync(options.Get(name), loggerFactory, observers, cancellationToken).ConfigureAwait(false);

    public Task StopAsync(CancellationToken cancellationToken) => server?.StopAsync(cancellationToken) ?? Task.CompletedTask;

    /// <summary>A host whose start failed elsewhere is disposed without having been stopped.</summary>
    public ValueTask DisposeAsync() => server?.DisposeAsync() ?? ValueTask.CompletedTask;
}
