using System.Diagnostics;
using System.Reflection;
using Ferry.Native;

namespace Ferry.Cli.Demo;

/// <summary>This same command, run as a process of its own. Each is printed before it runs, ready to paste.</summary>
internal sealed class FerryCommand : IAsyncDisposable
{
    private const int Terminate = 15;

    private readonly Process process;

    private FerryCommand(Process process) => this.process = process;

    /// <summary>How a reader starts it.</summary>
    public static string DisplayName => Environment.GetEnvironmentVariable("FERRY_CLONE") is null ? "ferry" : "./ferry";

    /// <summary>Starts a server and waits until it says that it has started.</summary>
    public static async Task<FerryCommand> ServeAsync(string[] arguments, CancellationToken cancellationToken)
    {
        var command = new FerryCommand(Start(arguments, " &"));
        var started = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        command.process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data?.StartsWith("Server started at", StringComparison.Ordinal) == true)
            {
                started.TrySetResult();
            }
            else if (line.Data is null)
            {
                started.TrySetException(new IOException("the server ended before it had started"));
            }
            else if (!started.Task.IsCompleted)
            {
                Console.WriteLine($"  {line.Data}");
            }
        };
        command.process.BeginErrorReadLine();
        try
        {
            await started.Task.WaitAsync(cancellationToken);
            return command;
        }
        catch
        {
            await command.DisposeAsync();
            throw;
        }
    }

    /// <summary>Runs a command to its end; what it says to people goes to standard output.</summary>
    /// <returns>Its exit code and the lines of its standard output.</returns>
    public static async Task<(int ExitCode, IReadOnlyList<string> Lines)> RunAsync(string[] arguments, CancellationToken cancellationToken)
    {
        await using var command = new FerryCommand(Start(arguments, ""));
        command.process.ErrorDataReceived += (_, line) =>
        {
            if (line.Data is { } text)
            {
                Console.WriteLine($"  {text}");
            }
        };
        command.process.BeginErrorReadLine();
        List<string> lines = [];
        while (await command.process.StandardOutput.ReadLineAsync(cancellationToken) is { } line)
        {
            lines.Add(line);
        }
        await command.process.WaitForExitAsync(cancellationToken);
        return (command.process.ExitCode, lines);
    }

    /// <summary>Ends the process, if it runs still, and waits for that.</summary>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            ProcessCalls.Signal(process.Id, Terminate);
        }
        await process.WaitForExitAsync();
        process.Dispose();
    }

    private static Process Start(string[] arguments, string suffix)
    {
        Console.WriteLine($"$ {DisplayName} {string.Join(' ', arguments.Select(Quote))}{suffix}");
        var start = new ProcessStartInfo(Environment.ProcessPath!) { RedirectStandardOutput = true, RedirectStandardError = true };
        if (Path.GetFileNameWithoutExtension(start.FileName) == "dotnet")
        {
            // The ordinary build, which the dotnet command runs.
            start.ArgumentList.Add(Path.Combine(AppContext.BaseDirectory, $"{Assembly.GetExecutingAssembly().GetName().Name}.dll"));
        }
        foreach (string argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }
        return Process.Start(start)!;
    }

    private static string Quote(string argument) =>
        argument.All(c => char.IsAsciiLetterOrDigit(c) || "/._-:=,+@".Contains(c, StringComparison.Ordinal)) ? argument : $"'{argument.Replace("'", "'\\''", StringComparison.Ordinal)}'";
}
