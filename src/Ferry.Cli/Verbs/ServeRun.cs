using Ferry.Cli.Arguments;
using Ferry.Cli.Output;
using Ferry.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Console;
using Microsoft.Extensions.Options;

namespace Ferry.Cli.Verbs;

/// <summary>One run of <c>ferry serve</c>: a host with one server, until a signal or, with <c>--once</c>, one delivery.</summary>
internal sealed class ServeRun
{
    private const string ServerName = "serve";

    public string? At { get; init; }

    public bool Once { get; init; }

    public bool Json { get; init; }

    public bool Quiet { get; init; }

    public bool Verbose { get; init; }

    /// <summary>Sets the server's options but for the address.</summary>
    public required Action<FerryServerOptions> Configure { get; init; }

    /// <summary>The exit code.</summary>
    public async Task<int> RunAsync()
    {
        using var signal = new EndSignal();
        var watcher = new DeliveryWatcher(Json);
        try
        {
            using IHost host = Build(watcher);
            await host.StartAsync(signal.Second);
            await Task.WhenAny(UntilAsync(signal.First), Once ? watcher.First : Task.Delay(Timeout.Infinite, signal.First));
            await host.StopAsync(signal.Second);
        }
        catch (OptionsValidationException e)
        {
            return Failed(new FerryException(FerryErrorCode.Usage, string.Join("; ", e.Failures)));
        }
        catch (FerryException e)
        {
            return Failed(e);
        }
        return ExitCode(signal, watcher);
    }

    /// <summary>A stop by one signal is a server's ordinary end, but not that of one that was to wait for a delivery.</summary>
    private int ExitCode(EndSignal signal, DeliveryWatcher watcher)
    {
        if (signal.ExitCode is { } ended && (signal.Second.IsCancellationRequested || (Once && !watcher.First.IsCompleted)))
        {
            return ended;
        }
        int code = Once ? watcher.First.Result : ExitCodes.Success;
        return ExitCodes.Worst([code, watcher.HasOutputFailed ? ExitCodes.InternalError : code]);
    }

    /// <summary>The server could not start.</summary>
    private int Failed(FerryException error)
    {
        Messages.Error(error, Json);
        return ExitCodes.OfDirectory(error.Code);
    }

    private IHost Build(DeliveryWatcher watcher)
    {
        FerryAddress address = DefaultAddress.Find(At);
        if (At is null && Environment.GetEnvironmentVariable("FERRY_SOCKET") is not { Length: > 0 })
        {
            DefaultAddress.MakeDirectory();
        }
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(new HostApplicationBuilderSettings { DisableDefaults = true });
        builder.Logging.SetMinimumLevel(Quiet ? LogLevel.Error : Verbose ? LogLevel.Debug : LogLevel.Information);
        // The host's own words about a failed start come with a stack trace; the command says the same in one line.
        builder.Logging.AddFilter("Microsoft", LogLevel.None);
        builder.Services.AddSingleton<ConsoleFormatter, PlainLineFormatter>();
        builder.Logging.AddConsole(options =>
        {
            options.FormatterName = PlainLineFormatter.Name;
            options.LogToStandardErrorThreshold = LogLevel.Trace;
        });
        builder.Services.AddSystemd();
        builder.Services.Configure<HostOptions>(options => options.ShutdownTimeout = Timeout.InfiniteTimeSpan);
        builder.Services.AddSingleton<IDeliveryObserver>(watcher);
        builder.Services.AddFerryServer(ServerName, options =>
        {
            Configure(options);
            options.Address = address.Path.TryGetString(out string? path)
                ? $"{(address.Scheme == FerryScheme.Plain ? "plain" : "unix")}:{path}"
                : throw new FerryException(FerryErrorCode.Usage, $"the address {address} is not UTF-8; give one that is");
        });
        return builder.Build();
    }

    private static Task UntilAsync(CancellationToken token) => Task.Delay(Timeout.Infinite, token);
}
