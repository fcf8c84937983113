using System.Globalization;
using System.Security.Cryptography;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>How long parts of files wait, how much of them, and what space they take.</summary>
[Trait("Category", "EndToEnd")]
public sealed class KeptPartTests
{
    private const int Megabyte = 1 << 20;

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(40 * Megabyte);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Those_that_are_too_old_and_what_is_none_are_removed_at_the_start()
    {
        using var directory = new TestDirectory();
        string root = directory["root"];
        PartialFiles.Plant(root, 7, "old", new byte[2 * Megabyte], Content.Length);
        PartialFiles.Plant(root, 7, "short", new byte[Megabyte - 1], Content.Length);
        PartialFiles.Plant(root, 7, "longer than the file", new byte[2 * Megabyte], Megabyte);
        PartialFiles.Plant(root, 8, "young", new byte[2 * Megabyte], Content.Length);
        PartialFiles.Plant(root, 8, "twice", new byte[2 * Megabyte], Content.Length);
        PartialFiles.Plant(root, 8, "twice", new byte[3 * Megabyte], Content.Length);
        string[] planted = Directory.GetFiles(Path.Combine(root, ".ferry/partials/7"), "1");
        File.SetLastWriteTimeUtc(Assert.Single(planted), DateTime.UtcNow.AddHours(-25));
        await File.WriteAllTextAsync(Path.Combine(root, ".ferry/partials/8/garbage"), "garbage", Cancel);
        await File.WriteAllTextAsync(Path.Combine(root, ".ferry/partials/8/99.record.next"), "torn", Cancel);

        await using ServedDirectory served = await ServedDirectory.StartAsync(root, []);

        Assert.Equal(["1", "3"], PartialFiles.DataIn(served).Select(path => Path.GetFileName(path)));
        Assert.False(Directory.Exists(served[".ferry/partials/7"]));
    }

    /// <summary>As <c>ferry partials</c> does, which locks each while it reads of it.</summary>
    [Fact]
    public async Task One_that_somebody_looks_at_while_the_server_starts_stays()
    {
        using var directory = new TestDirectory();
        string root = directory["root"];
        PartialFiles.Plant(root, 7, "part", new byte[2 * Megabyte], Content.Length);
        using var strace = new Strace("-P", Path.Combine(root, ".ferry/partials/7/1"), "-e", "inject=flock:error=EAGAIN:when=1..20");

        await using ServedDirectory served = await ServedDirectory.StartAsync(root, strace.Wrapper);

        Assert.NotEmpty(strace.Calls);
        Assert.Single(PartialFiles.DataIn(served));
    }

    [Fact]
    public async Task One_that_nobody_comes_for_is_removed_while_the_server_runs()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--keep-partials", "2s");
        await CutAsync(served);

        await served.Server.WaitForLogAsync("nobody went on with it in time");

        Assert.Empty(PartialFiles.In(served));
    }

    [Theory]
    [InlineData("none", 1)]
    [InlineData("0s", 0)]
    public async Task Any_time_and_no_time_can_be_chosen(string time, int kept)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--keep-partials", time);
        await using (HeldTransfer transfer = await HeldTransfer.StartAsync(served, await MakeSourceAsync(served), 10 * Megabyte))
        {
            await transfer.KillAsync();
        }
        await served.Server.WaitForLogAsync("Delivery failed");

        Assert.Equal(kept, PartialFiles.DataIn(served).Length);
    }

    [Fact]
    public async Task The_oldest_go_when_more_wait_than_are_kept()
    {
        using var directory = new TestDirectory();
        string root = directory["root"];
        for (int i = 1; i <= 4; i++)
        {
            PartialFiles.Plant(root, 7, $"part{i}", new byte[5 * Megabyte], Content.Length);
            File.SetLastWriteTimeUtc(Path.Combine(root, $".ferry/partials/7/{i}"), DateTime.UtcNow.AddMinutes(-i));
        }

        await using ServedDirectory served = await ServedDirectory.StartAsync(root, [], "--max-partials", "16M");
        Assert.Equal(["1", "2", "3"], PartialFiles.DataIn(served).Select(path => Path.GetFileName(path)));
        await CutAsync(served);
        await served.Server.WaitForLogAsync("more waits than is kept");

        Assert.Equal(["1", "5"], PartialFiles.DataIn(served).Select(path => Path.GetFileName(path)).Where(name => name is not "2" and not "3").Order(StringComparer.Ordinal));
        Assert.InRange(PartialFiles.DataIn(served).Sum(path => new FileInfo(path).Length), 10 * Megabyte, 16 * Megabyte);
    }

    [Fact]
    public async Task A_resumed_file_needs_only_the_rest_of_its_space()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("64m");
        PartialFiles.Plant(disk["root"], 0, "large", Content.AsSpan(0, 30 * Megabyte), Content.Length);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--reserve-free", "8M", "--max-partials", "none");
        string source = await MakeSourceAsync(served);

        FerryResult result = await served.SendAsync(source, "--json", "--no-descriptors");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains($"\"resumed_from\":{30 * Megabyte}", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Parts_give_way_to_a_file_that_needs_their_space()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("64m");
        PartialFiles.Plant(disk["root"], 0, "other", new byte[30 * Megabyte], Content.Length);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--reserve-free", "none", "--max-partials", "none");
        string source = await MakeSourceAsync(served);

        FerryResult result = await served.SendAsync(source);

        Assert.True(result.ExitCode == 0, result.ToString());
        await served.Server.WaitForLogAsync("a file that arrives needs the space");
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task On_a_full_disk_the_file_is_refused_and_no_part_stays()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("64m");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, await MakeSourceAsync(served), 10 * Megabyte);
        Assert.False(Tool.Succeeds("dd", "if=/dev/zero", $"of={disk["filler"]}", "bs=1M"));

        FerryResult result = await transfer.ContinueAsync();

        Assert.Equal(7, result.ExitCode);
        Assert.Empty(PartialFiles.In(served));
        File.Delete(disk["filler"]);
        Assert.Equal(0, (await served.SendAsync(Source(served))).ExitCode);
    }

    /// <summary>Blocks were reserved for the whole file; a part that waits takes only what has arrived.</summary>
    [Theory]
    [InlineData("ext4", false)]
    [InlineData("xfs", false)]
    [InlineData("btrfs", false)]
    [InlineData("ext4", true)]
    [InlineData("xfs", true)]
    [InlineData("btrfs", true)]
    public async Task A_part_that_waits_takes_no_more_than_has_arrived(string type, bool killServer)
    {
        using TinyFileSystem disk = TinyFileSystem.Image(type, 400);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        if (killServer)
        {
            await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, await MakeSourceAsync(served), 10 * Megabyte);
            await served.Server.StopAsync(Signal.Kill);
            Assert.InRange(Occupied(served), type == "btrfs" ? 9 * Megabyte : Content.Length, long.MaxValue);
            await served.StartAgainAsync([]);
        }
        else
        {
            await CutAsync(served);
        }

        Assert.InRange(Occupied(served), 8 * Megabyte, 11 * Megabyte);
    }

    [Fact]
    public async Task A_part_whose_flush_fails_is_not_spoken_of_and_all_is_sent_anew()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--durability", "received");
        await CutAsync(served);
        FerryResult result;
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=fsync", "-e", "inject=fsync:error=EIO"))
        {
            result = await served.SendAsync(Source(served), "--json", "--no-descriptors");
        }

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("\"resumed_from\":null", result.Output, StringComparison.Ordinal);
        Assert.Equal(Content, await File.ReadAllBytesAsync(served["large"], Cancel));
        Assert.Empty(PartialFiles.In(served));
    }

    /// <summary>By then it has the source's time and mode, with which it would be too old, or not to be opened.</summary>
    [Fact]
    public async Task A_file_whose_server_was_killed_just_before_it_was_published_is_gone_on_with()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = await MakeSourceAsync(served);
        Tool.Run("sh", "-c", $"chmod 0444 '{source}' && touch -d 2001-02-03T04:05:06Z '{source}'");
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL"))
        {
            Assert.Equal(5, (await served.SendAsync(source, "--no-descriptors")).ExitCode);
            await served.Server.WaitAsync();
        }

        await served.StartAgainAsync([]);
        await served.Server.StopAsync();
        await served.StartAgainAsync([]);
        FerryResult result = await served.SendAsync(source, "--json", "--no-descriptors");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains($"\"resumed_from\":{Content.Length}", result.Output, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherRead, File.GetUnixFileMode(served["large"]));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public async Task A_part_for_which_no_descriptor_is_left_waits_for_the_next_time(int opening)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await CutAsync(served);
        string folder = Path.GetDirectoryName(Assert.Single(PartialFiles.DataIn(served)))!;
        FerryResult refused;
        // Of its record, then of the part.
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=openat2", "-P", folder, "-e", $"inject=openat2:error=EMFILE:when={opening}"))
        {
            refused = await served.SendAsync(Source(served), "--no-descriptors");
        }
        FerryResult result = await served.SendAsync(Source(served), "--json", "--no-descriptors");

        Assert.NotEqual(0, refused.ExitCode);
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.DoesNotContain("\"resumed_from\":null", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_part_that_could_not_be_written_is_removed()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, await MakeSourceAsync(served), 10 * Megabyte);
        FerryResult result;
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:error=EIO"))
        {
            result = await transfer.ContinueAsync();
        }

        Assert.Equal(8, result.ExitCode);
        Assert.Empty(PartialFiles.In(served));
    }

    /// <summary>Invariant 3: what a go says is there has been flushed, by the process that says it.</summary>
    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task A_part_is_flushed_before_the_go_that_says_how_long_it_is(bool restarted)
    {
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(null, restarted ? [] : strace.Wrapper);
        await CutAsync(served);
        string part = Assert.Single(PartialFiles.DataIn(served));
        if (restarted)
        {
            await served.Server.StopAsync(Signal.Kill);
            await served.StartAgainAsync(strace.Wrapper);
        }
        FerryResult result = await served.SendAsync(Source(served), "--json", "--no-descriptors");
        await served.Server.StopAsync();

        Assert.DoesNotContain("\"resumed_from\":null", result.Output, StringComparison.Ordinal);
        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        TracedCall go = Assert.Single(calls, call => call.Name is "sendto" or "sendmsg" && call.Strings.Any(IsGoWithOffset));
        TracedCall opened = calls.Last(call => call.Opened == part && call.Ended < go.Began);
        TracedCall flushed = Assert.Single(calls, call => call is { Name: "fsync", Value: 0 } && call.Path == part && call.Began > opened.Ended && call.Ended < go.Began);
        Assert.DoesNotContain(calls, call => call.Name == "pwrite64" && call.Path == part && call.Began > flushed.Began && call.Began < go.Began);
    }

    /// <summary>type 5, three bytes of length, the entry's number, then a map of two whose first key is 1.</summary>
    private static bool IsGoWithOffset(byte[] bytes) => bytes is [5, 0, 0, _, _, _, _, _, 0xA2, 1, ..];

    private static string Source(ServedDirectory served) => Path.Combine(served.Sources, "large");

    private static async Task<string> MakeSourceAsync(ServedDirectory served)
    {
        await File.WriteAllBytesAsync(Source(served), Content, Cancel);
        return Source(served);
    }

    private static async Task CutAsync(ServedDirectory served)
    {
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, await MakeSourceAsync(served), 10 * Megabyte);
        await transfer.KillAsync();
        await served.Server.WaitForLogAsync("Kept ");
    }

    private static long Occupied(ServedDirectory served)
    {
        string part = Assert.Single(PartialFiles.DataIn(served));
        return long.Parse(Tool.Run("stat", "-c", "%b", part), CultureInfo.InvariantCulture) * 512;
    }
}
