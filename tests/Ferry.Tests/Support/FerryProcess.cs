using System.Diagnostics;
using System.Text;

namespace Ferry.Tests.Support;

/// <summary>Runs the command under test to its end.</summary>
internal static class FerryProcess
{
    public static Task<FerryResult> RunAsync(params FerryPath[] arguments) => RunAsync(new FerryCommand(arguments));

    /// <exception cref="TimeoutException">The command did not end in time; it was killed.</exception>
    public static async Task<FerryResult> RunAsync(FerryCommand command)
    {
        using Process process = command.Start();
        using var timeout = new CancellationTokenSource(command.Timeout);
        using var output = new MemoryStream();
        using var errors = new MemoryStream();
        Task reading = Task.WhenAll(
            process.StandardOutput.BaseStream.CopyToAsync(output, timeout.Token),
            process.StandardError.BaseStream.CopyToAsync(errors, timeout.Token));
        try
        {
            await FeedAsync(process, command.Input, timeout.Token);
            await reading;
            await process.WaitForExitAsync(timeout.Token);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end within {command.Timeout}; it had said: {Encoding.UTF8.GetString(errors.ToArray())}");
        }
        return new FerryResult(process.ExitCode, output.ToArray(), errors.ToArray());
    }

    private static async Task FeedAsync(Process process, Stream input, CancellationToken cancellationToken)
    {
        try
        {
            using Stream standardInput = process.StandardInput.BaseStream;
            await input.CopyToAsync(standardInput, cancellationToken);
        }
        catch (IOException)
        {
            // The command ended without reading all of its input; what it thought of that is in its exit code.
        }
    }
}

/// <summary>How the command ended and what it wrote. A process ended by signal N has the exit code 128+N.</summary>
internal sealed record FerryResult(int ExitCode, byte[] OutputBytes, byte[] ErrorBytes)
{
    /// <summary>Standard output as text.</summary>
    public string Output { get; } = Encoding.UTF8.GetString(OutputBytes);

    /// <summary>Standard error as text.</summary>
    public string Errors { get; } = Encoding.UTF8.GetString(ErrorBytes);

    /// <summary>For assertions: the exit code with all that was written.</summary>
    public override string ToString() => $"exit code {ExitCode}\nstandard output: {Output}\nstandard error: {Errors}";
}
