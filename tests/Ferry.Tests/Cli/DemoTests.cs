using System.Diagnostics;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary><c>ferry demo</c> in a clone, with paths of the reader's own, and outside of a clone.</summary>
[Trait("Category", "EndToEnd")]
public sealed class DemoTests : IDisposable
{
    private readonly TestDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Work => Directory.CreateDirectory(directory["work"]).FullName;

    [Fact]
    public async Task In_a_clone_it_sends_the_clones_files_and_a_large_one()
    {
        string clone = directory["clone"];
        Directory.CreateDirectory(Path.Combine(clone, "docs"));
        Directory.CreateDirectory(Path.Combine(clone, "src", "deep"));
        await File.WriteAllTextAsync(Path.Combine(clone, "docs", "page.md"), "page", Cancel);
        await File.WriteAllTextAsync(Path.Combine(clone, "src", "deep", "code.cs"), "code", Cancel);

        FerryResult result = await RunAsync(clone);

        Assert.True(result.ExitCode == 0, result.ToString());
        AssertCommands(result, "./ferry", $"send {clone}/docs", $"send {clone}/src", $"send {Work}/ferry-demo-");
        AssertRow(result, "docs/, 1 files", "one for each", "1 the same");
        AssertRow(result, "src/, 1 files", "one for each", "1 the same");
        AssertRow(result, "large.bin", "xxh128:[0-9a-f]{10}…", "1 the same");
        AssertRow(result, "plain.txt, plain", "xxh128:[0-9a-f]{10}…", "1 the same");
        AssertNextCommands(result, "./ferry");
        Assert.Empty(Directory.GetFileSystemEntries(Work));
    }

    [Fact]
    public async Task Outside_a_clone_it_makes_a_small_tree()
    {
        FerryResult result = await RunAsync(null);

        Assert.True(result.ExitCode == 0, result.ToString());
        AssertCommands(result, "ferry", $"send {Work}/ferry-demo-");
        AssertRow(result, "tree/, 100 files", "one for each", "100 the same");
        AssertRow(result, "large.bin", "xxh128:", "1 the same");
        AssertRow(result, "plain.txt, plain", "xxh128:", "1 the same");
        AssertNextCommands(result, "ferry");
        Assert.Empty(Directory.GetFileSystemEntries(Work));
    }

    /// <summary>Names that are not UTF-8, FIFOs, links, and directories that nobody may write into, which their copies are too.</summary>
    [Fact]
    public async Task Paths_of_the_readers_own_may_hold_anything()
    {
        Tool.Run("sh", "-c", $$"""
            cd '{{directory.Path}}' && mkdir -p 'my tree/closed' && cd 'my tree'
            printf 1 > closed/file; printf 2 > "$(printf 'a\377b')"; mkfifo fifo; ln -s nowhere link; printf 3 > '{{directory.Path}}/it'"'"'s'
            chmod 0555 closed
            """);
        string[] asAnOrdinaryUser = [];
        if (Environment.UserName == "root")
        {
            Needs.Program("setpriv");
            Tool.Run("chown", "-R", "12345:12345", directory.Path, Work);
            asAnOrdinaryUser = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups", "--"];
        }

        FerryResult result = await RunAsync(null, asAnOrdinaryUser, directory["my tree"], directory["it's"]);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains($"$ ferry send '{directory.Path}/my tree' --at ", result.Output, StringComparison.Ordinal);
        Assert.Contains($@"$ ferry send '{directory.Path}/it'\''s' --at ", result.Output, StringComparison.Ordinal);
        AssertRow(result, "my tree/, 2 files", "one for each", "2 the same");
        AssertRow(result, "it's", "xxh128:", "1 the same");
        Assert.Empty(Directory.GetFileSystemEntries(Work));
    }

    [Fact]
    public async Task What_cannot_be_sent_decides_the_exit_code_and_the_rest_is_shown()
    {
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);

        FerryResult result = await RunAsync(null, [], directory["missing"], directory["file"]);

        Assert.Equal(11, result.ExitCode);
        Assert.Contains("  ferry: unreadable: cannot read ", result.Output, StringComparison.Ordinal);
        AssertRow(result, "file", "xxh128:", "1 the same");
        Assert.Empty(Directory.GetFileSystemEntries(Work));
    }

    [Theory]
    [InlineData(Signal.Interrupt)]
    [InlineData(Signal.Terminate)]
    public async Task Interrupted_it_ends_its_server_and_leaves_nothing(int signal)
    {
        await File.WriteAllBytesAsync(directory["large"], new byte[300_000_000], Cancel);
        using var watcher = new FileSystemWatcher(Work, "ferry.sock") { IncludeSubdirectories = true };
        var serving = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        watcher.Created += (_, _) => serving.TrySetResult();
        watcher.Renamed += (_, _) => serving.TrySetResult();
        watcher.EnableRaisingEvents = true;
        var pid = new TaskCompletionSource<int>();
        Task<FerryResult> demo = FerryProcess.RunAsync(Command(null, [], pid.SetResult, directory["large"], directory["large"]));
        await serving.Task.WaitAsync(Cancel);

        Signal.Send(await pid.Task, signal);
        FerryResult result = await demo;

        Assert.Equal(128 + signal, result.ExitCode);
        Assert.Empty(Directory.GetFileSystemEntries(Work));
        Assert.DoesNotContain(Process.GetProcesses(), process => CommandLine(process.Id).Contains(Work, StringComparison.Ordinal));
    }

    public void Dispose() => directory.Dispose();

    private Task<FerryResult> RunAsync(string? clone, string[]? wrapper = null, params string[] paths) => FerryProcess.RunAsync(Command(clone, wrapper ?? [], _ => { }, paths));

    private FerryCommand Command(string? clone, string[] wrapper, Action<int> started, params string[] paths) => new(["demo", .. paths.Select(path => (FerryPath)path)])
    {
        Wrapper = wrapper,
        Started = started,
        Environment = { ["FERRY_CLONE"] = clone, ["TMPDIR"] = Work },
        WorkingDirectory = directory.Path,
    };

    private static string CommandLine(int process)
    {
        try
        {
            return File.ReadAllText($"/proc/{process}/cmdline");
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return ""; // it has ended meanwhile, or is somebody else's
        }
    }

    /// <summary>Each is printed, and the first is a server.</summary>
    private static void AssertCommands(FerryResult result, string ferry, params string[] sends)
    {
        string[] commands = [.. result.Output.Split('\n').Where(line => line.StartsWith("$ ", StringComparison.Ordinal))];
        Assert.StartsWith($"$ {ferry} serve ", commands[0], StringComparison.Ordinal);
        Assert.EndsWith(" &", commands[0], StringComparison.Ordinal);
        Assert.All(sends, send => Assert.Contains(commands, command => command.StartsWith($"$ {ferry} {send}", StringComparison.Ordinal)));
        Assert.Contains(" --at plain:", commands[^1], StringComparison.Ordinal);
    }

    private static void AssertRow(FerryResult result, string name, string hash, string compared)
    {
        string row = result.Output.Replace('\u00A0', ' ').Split('\n').Single(line => line.StartsWith($" {name} ", StringComparison.Ordinal));
        Assert.Matches($@"^ {System.Text.RegularExpressions.Regex.Escape(name)} +[\d.]+ [KM]?B +\d+\.\d\d s +[\d.]+ [KMG]?B/s +.*{hash}[^ ]* +(durable|received) +{compared} *$", row);
    }

    private static void AssertNextCommands(FerryResult result, string ferry) => Assert.EndsWith(
        $"  {ferry} serve inbox --at ./ferry.sock\n  {ferry} send README.md --at ./ferry.sock\n  printf 'hello.txt\\nhello\\n' | nc -N -U ./ferry.sock | tail -n 1\n",
        result.Output,
        StringComparison.Ordinal);
}
