using System.Security.Cryptography;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>A server that dies at any step of storing, and one that comes in its place: what is sent with <c>--retry</c> is there once, and the client ends well.</summary>
[Trait("Category", "EndToEnd")]
public sealed class KilledServerRetryTests
{
    private const int Files = 12;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The calls of a server that stores one file, in their order: the journal's first write is the intent, the second what became of it.</summary>
    [Theory]
    [InlineData("number", "pwrite64", 1, false)]
    [InlineData("number", "pwrite64", 2, false)]
    [InlineData("number", "fsync", 1, false)]
    [InlineData("number", "fsync", 2, false)]
    [InlineData("number", "renameat2", 1, false)]
    [InlineData("number", "pwrite64", 3, null)]
    [InlineData("number", "fsync", 3, true)]
    [InlineData("replace", "renameat2", 1, false)]
    [InlineData("replace", "renameat", 1, false)]
    [InlineData("replace", "pwrite64", 3, null)]
    public async Task A_server_killed_at_a_call_has_stored_one_file_once(string existing, string call, int occurrence, bool? isPublished)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--existing", existing);
        if (call == "renameat")
        {
            await File.WriteAllTextAsync(served["file.txt"], "in the way", Cancel);
        }
        string source = Path.Combine(served.Sources, "file.txt");
        await File.WriteAllTextAsync(source, "content", Cancel);

        bool stands = false;
        SentReceipts receipts = await SendWhileKilledAsync(
            served, source, (call, occurrence), existing, () => stands = File.Exists(served["file.txt"]) && File.ReadAllText(served["file.txt"]) == "content");

        Assert.Equal(["stored"], receipts.All.Select(receipt => receipt.Result));
        Assert.Equal(stands, receipts.All[0].Replayed);
        // strace counts for each thread by itself, so which of the writes is a thread's third is left to chance.
        Assert.Equal(isPublished ?? stands, stands);
        Assert.Equal(["file.txt"], served.Visible);
        Assert.Equal("content", await File.ReadAllTextAsync(served["file.txt"], Cancel));
        await served.WaitForEmptyStagingAsync();
    }

    /// <summary>Where a batch is flushed together, and at level received, where nothing is.</summary>
    [Theory]
    [InlineData("ext4", "durable", "number", "syncfs", 1)]
    [InlineData("ext4", "durable", "number", "renameat2", 1)]
    [InlineData("ext4", "durable", "number", "renameat2", 5)]
    [InlineData("ext4", "durable", "number", "syncfs", 2)]
    [InlineData("ext4", "durable", "replace", "renameat2", 6)]
    [InlineData("ext4", "durable", "refuse", "renameat2", 7)]
    [InlineData("ext4", "received", "number", "renameat2", 3)]
    [InlineData("overlay", "durable", "number", "renameat2", 4)]
    [InlineData("tmpfs", "received", "number", "renameat2", 7)]
    public async Task A_server_killed_in_the_middle_of_a_batch_has_stored_every_file_once(string type, string level, string existing, string call, int occurrence)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--existing", existing, "--durability", level);
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        for (int i = 0; i < Files; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(tree, $"f{i}"), RandomNumberGenerator.GetBytes(10 * i), Cancel);
        }
        File.SetUnixFileMode(tree, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        SentReceipts receipts = await SendWhileKilledAsync(served, tree, (call, occurrence), existing, null, "--durability", level);

        Assert.Equal(Files + 1, receipts.Count);
        Assert.All(receipts.All, receipt => Assert.Equal("stored", receipt.Result));
        Assert.Equal(Files, Directory.EnumerateFiles(served["tree"]).Count());
        Tool.Run("diff", "-r", tree, served["tree"]);
        Assert.Equal(File.GetUnixFileMode(tree), File.GetUnixFileMode(served["tree"]));
        Assert.Equal(File.GetLastWriteTimeUtc(tree), File.GetLastWriteTimeUtc(served["tree"]));
    }

    /// <summary>The name of a file that is published may not be on the device yet, and nothing flushes it when the receipt is given again.</summary>
    [Theory]
    [InlineData("replace")]
    [InlineData("number")]
    public async Task A_server_killed_before_it_flushed_a_name_is_followed_by_one_that_does(string existing)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await KilledBeforeItFlushesAsync(disk, existing);

        using var strace = new Strace("-y", "-e", "trace=fsync", "-P", served.Root);
        Assert.True(await IsReplayedAsync(served, strace.Wrapper, existing));

        Assert.Contains(strace.Calls, call => call.Contains(served.Root + ">) = 0", StringComparison.Ordinal));
    }

    /// <summary>By then the machine has started anew, and whose the file is that has the content is not known.</summary>
    [Fact]
    public async Task What_is_known_by_its_content_is_flushed()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await KilledBeforeItFlushesAsync(disk, "replace");

        using var strace = new Strace("-y", "-e", "trace=fsync", "-P", served.Root, "-P", served["file.txt"]);
        Assert.True(await IsReplayedAsync(served, [.. AnotherBoot.Wrapper(Path.Combine(served.Sources, "boot_id")), .. strace.Wrapper], "replace"));

        Assert.Contains(strace.Calls, call => call.Contains(served["file.txt"] + ">) = 0", StringComparison.Ordinal));
        Assert.Contains(strace.Calls, call => call.Contains(served.Root + ">) = 0", StringComparison.Ordinal));
    }

    /// <summary>Nobody knows then whether its name is on the device: it is not taken for one that somebody has moved away.</summary>
    [Fact]
    public async Task A_receipt_for_what_is_in_a_directory_that_cannot_be_opened_at_the_start_is_not_given_again()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await KilledBeforeItFlushesAsync(disk, "replace", "tree/file.txt");

        using var strace = new Strace("-e", "trace=openat2", "-P", "tree", "-e", "inject=openat2:error=EMFILE:when=1");
        Assert.False(await IsReplayedAsync(served, strace.Wrapper, "replace", "tree/file.txt"));

        Assert.Contains(strace.Calls, call => call.EndsWith("(INJECTED)", StringComparison.Ordinal));
    }

    /// <summary>A directory that was made a moment before the end is still known to be the delivery's own.</summary>
    [Theory]
    [InlineData("mkdirat", 1)]
    [InlineData("pwrite64", 1)]
    [InlineData("pwrite64", 2)]
    [InlineData("fchmod", 1)]
    [InlineData("utimensat", 1)]
    public async Task A_server_killed_while_it_makes_a_directory_gives_it_its_mode_and_time_in_the_end(string call, int occurrence)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        File.SetLastWriteTimeUtc(tree, new DateTime(2021, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        File.SetUnixFileMode(tree, UnixFileMode.UserRead | UnixFileMode.UserExecute);

        SentReceipts receipts = await SendWhileKilledAsync(served, tree, (call, occurrence), "replace");

        Assert.Equal(["stored"], receipts.All.Select(receipt => receipt.Result));
        Assert.Equal(File.GetUnixFileMode(tree), File.GetUnixFileMode(served["tree"]));
        Assert.Equal(File.GetLastWriteTimeUtc(tree), File.GetLastWriteTimeUtc(served["tree"]));
    }

    [Fact]
    public async Task A_server_that_is_stopped_and_started_again_is_waited_for()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number", "--grace", "0s");
        string source = Path.Combine(served.Sources, "large");
        await File.WriteAllBytesAsync(source, RandomNumberGenerator.GetBytes(2_000_000), Cancel);
        Task restarting = Task.CompletedTask;
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(AfterFromClient: 500_000) : null)
        {
            OnCut = async cut =>
            {
                await served.Server.StopAsync();
                restarting = Task.Run(() => served.StartAgainAsync([], "--existing", "number"), Cancel);
            },
        };

        FerryResult sent = await FerryProcess.RunAsync("send", source, "--at", relay.Path, "--retry", "20", "--json");

        await restarting;
        Assert.True(sent.ExitCode == 0, sent.ToString());
        Tool.Run("cmp", source, served["large"]);
        Assert.Equal(["large"], served.Visible);
    }

    /// <summary>Everything is written down, and the server dies before it can tell.</summary>
    [Theory]
    [InlineData("number", 1)]
    [InlineData("number", 40)]
    [InlineData("replace", 20)]
    public async Task A_server_killed_before_it_sends_its_receipts_is_followed_by_one_that_gives_them(string existing, int lost)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", existing);
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        for (int i = 0; i < 50; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(tree, $"f{i}"), RandomNumberGenerator.GetBytes(2000 * i), Cancel);
        }
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(FrameType.Receipt, lost) : null)
        {
            OnCut = async cut =>
            {
                await served.Server.StopAsync(Signal.Kill);
                await served.StartAgainAsync([], "--existing", existing);
            },
        };

        FerryResult sent = await FerryProcess.RunAsync("send", tree, "--at", relay.Path, "--retry", "5", "--json");

        Assert.True(sent.ExitCode == 0, sent.ToString());
        SentReceipts receipts = SentReceipts.Read(sent);
        Assert.Equal(51, receipts.All.Select(receipt => receipt.Name).Distinct().Count());
        Assert.Equal(51, receipts.Count);
        Assert.NotEmpty(receipts.Replayed);
        Assert.Equal(50, Directory.EnumerateFiles(served["tree"]).Count());
        Tool.Run("diff", "-r", tree, served["tree"]);
    }

    private static FerryPath[] OneFile(ServedDirectory served, string name) =>
        [Path.Combine(served.Sources, name.Split('/')[0]), "--delivery-key", "key", "--no-descriptors", "--json"];

    /// <summary>A server that has published one file and died.</summary>
    private static async Task<ServedDirectory> KilledBeforeItFlushesAsync(TinyFileSystem disk, string existing, string name = "file.txt")
    {
        ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--existing", existing);
        string source = Path.Combine(served.Sources, name);
        Directory.CreateDirectory(Path.GetDirectoryName(source)!);
        await File.WriteAllTextAsync(source, "content", Cancel);
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=fsync", "-P", Path.GetDirectoryName(served[name])!, "-e", "inject=fsync:signal=KILL"))
        {
            Task<FerryResult> cut = served.SendAsync(OneFile(served, name));
            Assert.Equal(128 + Signal.Kill, (await served.Server.WaitAsync()).ExitCode);
            Assert.NotEqual(0, (await cut).ExitCode);
        }
        Assert.True(File.Exists(served[name]));
        return served;
    }

    /// <summary>Sends the same again to another server, which has ended when this returns.</summary>
    private static async Task<bool> IsReplayedAsync(ServedDirectory served, string[] wrapper, string existing, string name = "file.txt")
    {
        await served.StartAgainAsync(wrapper, "--existing", existing);
        FerryResult again = await served.SendAsync(OneFile(served, name));
        await served.Server.StopAsync();
        return SentReceipts.Read(again).Replayed.Any();
    }

    private static async Task<SentReceipts> SendWhileKilledAsync(ServedDirectory served, string source, (string Call, int Occurrence) at, string existing, Action? died = null, params string[] options)
    {
        AttachedStrace strace = await AttachedStrace.StartAsync(served.Server.Pid, "-e", $"trace={at.Call}", "-e", $"inject={at.Call}:signal=KILL:when={at.Occurrence}");
        Task<FerryResult> sending = served.SendAsync(source, "--retry", "30", "--json", "--jobs", "1", "--no-descriptors");
        FerryResult end = await served.Server.WaitAsync();
        await strace.DisposeAsync();
        Assert.Equal(128 + Signal.Kill, end.ExitCode);
        died?.Invoke();
        await served.StartAgainAsync([], ["--existing", existing, .. options]);
        FerryResult sent = await sending;
        Assert.True(sent.ExitCode == 0, sent.ToString());
        return SentReceipts.Read(sent);
    }
}
