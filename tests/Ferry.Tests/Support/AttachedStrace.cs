using System.Diagnostics;

namespace Ferry.Tests.Support;

/// <summary>
/// strace on a process that runs already, so that its start is spared: <c>AttachedStrace.StartAsync(pid, "-e", "inject=pwrite64:error=EIO")</c>.
/// When this is disposed the process goes on as before.
/// </summary>
internal sealed class AttachedStrace : IAsyncDisposable
{
    private readonly TestDirectory directory = new();
    private readonly Process process;

    private AttachedStrace(int pid, string[] options)
    {
        process = Process.Start(new ProcessStartInfo("strace", ["-f", "-p", $"{pid}", "-s", "256", "-o", directory["calls"], .. options])
        {
            RedirectStandardError = true,
        })!;
    }

    /// <summary>Returns when every thread is watched; those that are started later are from their beginning.</summary>
    public static async Task<AttachedStrace> StartAsync(int pid, params string[] options)
    {
        Needs.Attaching();
        var strace = new AttachedStrace(pid, options);
        string? line = await strace.process.StandardError.ReadLineAsync();
        if (line?.Contains(" attached", StringComparison.Ordinal) != true)
        {
            await strace.DisposeAsync();
            throw new InvalidOperationException($"strace does not watch process {pid}: {line}");
        }
        return strace;
    }

    /// <summary>Lets the process go and gives its calls, one a line.</summary>
    public async Task<string[]> DetachAsync()
    {
        await EndAsync();
        return await File.ReadAllLinesAsync(directory["calls"]);
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        process.Dispose();
        directory.Dispose();
    }

    private async Task EndAsync()
    {
        if (!process.HasExited)
        {
            // A strace that is killed would take the process with it.
            Signal.Send(process.Id, Signal.Interrupt);
            await process.StandardError.ReadToEndAsync();
            await process.WaitForExitAsync();
        }
    }
}
