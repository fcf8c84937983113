using System.Diagnostics;
using System.Globalization;

namespace Ferry.Soak;

/// <summary>The server, and what it takes of the machine.</summary>
internal sealed class ServerProcess : IAsyncDisposable
{
    private const int Terminate = 15;

    private readonly Process process;
    private readonly Task<string> errors;

    private ServerProcess(string ferry, string root, string socket)
    {
        (Ferry, Root, Socket) = (ferry, root, socket);
        process = Process.Start(new ProcessStartInfo(ferry, ["serve", root, "--at", socket, "--stall-timeout", "10s", "--quiet"]) { RedirectStandardError = true })!;
        errors = process.StandardError.ReadToEndAsync();
    }

    /// <summary>The command.</summary>
    public string Ferry { get; }

    public string Root { get; }

    public string Socket { get; }

    public bool HasEnded => process.HasExited;

    public static async Task<ServerProcess> StartAsync(string ferry, string root, string socket)
    {
        var server = new ServerProcess(ferry, root, socket);
        await (await FerryClient.ConnectAsync(socket, new FerryClientOptions { Wait = TimeSpan.FromSeconds(20) })).DisposeAsync();
        return server;
    }

    /// <summary>Descriptors, threads, and memory in KiB.</summary>
    public Usage Measure()
    {
        string[] status = File.ReadAllLines($"/proc/{process.Id}/status");
        return new Usage(Directory.GetFileSystemEntries($"/proc/{process.Id}/fd").Length, Field("Threads:"), Field("VmRSS:"));

        int Field(string name) => int.Parse(
            status.First(line => line.StartsWith(name, StringComparison.Ordinal))[name.Length..].Replace("kB", "", StringComparison.Ordinal).Trim(), CultureInfo.InvariantCulture);
    }

    /// <summary>Ends it as a service manager does.</summary>
    /// <returns>Its exit code, and what it wrote to standard error.</returns>
    public async Task<(int ExitCode, string Errors)> StopAsync()
    {
        using Process kill = Process.Start("kill", [$"-{Terminate}", $"{process.Id}"]);
        await process.WaitForExitAsync().WaitAsync(TimeSpan.FromSeconds(30));
        return (process.ExitCode, await errors);
    }

    public ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }
        process.Dispose();
        return ValueTask.CompletedTask;
    }
}

/// <summary>What a process takes.</summary>
internal sealed record Usage(int Descriptors, int Threads, int Memory);
