using System.Diagnostics;
using System.Text;

namespace Ferry.Tests.Support;

/// <summary>A running <c>ferry serve</c>, killed when disposed.</summary>
internal sealed class FerryServerProcess : IAsyncDisposable
{
    private const string Started = "Server started at ";

    private readonly Process process;
    private readonly FerryCommand command;
    private readonly StringBuilder log = new();
    private readonly List<(string Text, TaskCompletionSource Seen)> waiting = [];
    private readonly Task<string> output;
    private readonly Task reading;

    private FerryServerProcess(FerryCommand command)
    {
        this.command = command;
        process = command.Start();
        process.StandardInput.Close();
        output = process.StandardOutput.ReadToEndAsync();
        reading = ReadLogAsync();
    }

    public int Pid => process.Id;

    public bool HasEnded => process.HasExited;

    /// <summary>The path given with <c>--at</c>.</summary>
    public string Socket
    {
        get
        {
            string[] arguments = [.. command.Arguments.Select(argument => argument.TryGetString(out string? text) ? text : "")];
            string address = arguments[Array.IndexOf(arguments, "--at") + 1];
            return address.StartsWith("unix:", StringComparison.Ordinal) ? address["unix:".Length..] : address;
        }
    }

    /// <summary>What was written to standard error so far.</summary>
    public string Log
    {
        get
        {
            lock (log)
            {
                return log.ToString();
            }
        }
    }

    public static Task<FerryServerProcess> StartAsync(params FerryPath[] arguments) => StartAsync(new FerryCommand(arguments));

    /// <summary>Starts a server and returns when it says that it has started.</summary>
    /// <exception cref="InvalidOperationException">It ended instead.</exception>
    public static async Task<FerryServerProcess> StartAsync(FerryCommand command)
    {
        var server = new FerryServerProcess(command);
        try
        {
            await server.WaitForLogAsync(Started);
            return server;
        }
        catch
        {
            await server.DisposeAsync();
            throw;
        }
    }

    /// <summary>Returns when the text stands in the log.</summary>
    public async Task WaitForLogAsync(string text)
    {
        var seen = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        lock (log)
        {
            if (log.ToString().Contains(text, StringComparison.Ordinal))
            {
                return;
            }
            waiting.Add((text, seen));
        }
        await Task.WhenAny(seen.Task, reading).WaitAsync(command.Timeout);
        if (!seen.Task.IsCompleted)
        {
            throw new InvalidOperationException($"{command} ended without saying '{text}': {await WaitAsync()}");
        }
    }

    /// <summary>Sends a signal and waits for the end.</summary>
    public Task<FerryResult> StopAsync(int signal = Signal.Terminate)
    {
        Signal.Send(Pid, signal);
        return WaitAsync();
    }

    /// <summary>Waits for the end.</summary>
    public async Task<FerryResult> WaitAsync()
    {
        await Task.WhenAll(process.WaitForExitAsync(), reading, output).WaitAsync(command.Timeout);
        return new FerryResult(process.ExitCode, Encoding.UTF8.GetBytes(await output), Encoding.UTF8.GetBytes(Log));
    }

    public async ValueTask DisposeAsync()
    {
        process.Kill(entireProcessTree: true);
        await WaitAsync();
        process.Dispose();
    }

    private async Task ReadLogAsync()
    {
        while (await process.StandardError.ReadLineAsync() is string line)
        {
            lock (log)
            {
                log.AppendLine(line);
                foreach ((_, TaskCompletionSource seen) in waiting.Where(wait => line.Contains(wait.Text, StringComparison.Ordinal)))
                {
                    seen.TrySetResult();
                }
            }
        }
    }
}
