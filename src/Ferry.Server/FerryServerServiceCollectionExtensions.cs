using Ferry.Server;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Microsoft.Extensions.DependencyInjection;

/// <summary>Adds Ferry servers to a host.</summary>
public static class FerryServerServiceCollectionExtensions
{
    /// <summary>
    /// Adds a server that starts and stops with the host. Call it once for each server, with a name of its own; its options can also be bound from
    /// configuration: <c>services.AddOptions&lt;FerryServerOptions&gt;(name).Bind(section)</c>.
    /// </summary>
    /// <param name="services">The services.</param>
    /// <param name="name">The name of the server's options.</param>
    /// <param name="configure">Sets options; null when they come from elsewhere.</param>
    public static IServiceCollection AddFerryServer(this IServiceCollection services, string name, Action<FerryServerOptions>? configure = null)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(name);
        services.AddOptions<FerryServerOptions>(name).Configure(options => configure?.Invoke(options)).ValidateOnStart();
        services.TryAddEnumerable(ServiceDescriptor.Singleton<IValidateOptions<FerryServerOptions>, FerryServerOptionsValidator>());
        services.AddSingleton<IHostedService>(provider => new FerryServerService(
            name,
            provider.GetRequiredService<IOptionsMonitor<FerryServerOptions>>(),
            provider.GetRequiredService<ILoggerFactory>(),
            provider.GetServices<IDeliveryObserver>()));
        return services;
    }
}
