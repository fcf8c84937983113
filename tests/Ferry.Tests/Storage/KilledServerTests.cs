using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>A server that dies at any call leaves the old content or the new, and the next one removes what it had begun (invariants 1 and 4).</summary>
[Trait("Category", "EndToEnd")]
public sealed class KilledServerTests
{
    private const string Old = "old content";

    private static readonly string New = new('n', 2_000_000);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("fallocate", 1, true)]
    [InlineData("utimensat", 1, true)]
    [InlineData("fsync,syncfs", 1, true)]
    [InlineData("renameat2", 1, true)]
    [InlineData("renameat", 1, true)]
    [InlineData("fsync,syncfs", 2, false)]
    public async Task A_server_killed_at_a_call_leaves_one_content_whole_and_the_next_one_sweeps(string call, int occurrence, bool keepsOld)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        await File.WriteAllTextAsync(served["replaced"], Old, Cancel);
        string source = served.Sources + "/replaced";
        await File.WriteAllTextAsync(source, New, Cancel);
        await using AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={occurrence}");

        FerryResult sent = await served.SendAsync(source);
        FerryResult end = await served.Server.WaitAsync();

        Assert.Equal(5, sent.ExitCode);
        Assert.Equal(128 + Signal.Kill, end.ExitCode);
        Assert.Equal(["replaced"], served.Visible);
        Assert.Equal(keepsOld ? Old : New, await File.ReadAllTextAsync(served["replaced"], Cancel));
        Assert.NotEmpty(served.Staged);
        await served.StartAgainAsync([]);
        Assert.Empty(served.Staged);
        Assert.Equal(0, (await served.SendAsync(source)).ExitCode);
        Assert.Equal(["replaced"], served.Visible);
    }

    [Theory]
    [InlineData(".ferry", "chmod 0755", "with mode 0755")]
    [InlineData(".ferry", "chown 12345", "belongs to uid 12345")]
    [InlineData(".ferry/incoming", "chmod 0770", "with mode 0770")]
    public async Task An_own_directory_that_is_not_the_servers_alone_stops_the_start(string directory, string command, string reason)
    {
        Needs.Root();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await served.Server.StopAsync();
        Tool.Run("sh", "-c", $"{command} '{served[directory]}'");

        FerryResult result = await FerryProcess.RunAsync("serve", served.Root, "--at", served.Socket);

        Assert.Equal(8, result.ExitCode);
        Assert.Contains($"cannot use {directory}, where arriving files wait", result.Errors, StringComparison.Ordinal);
        Assert.Contains(reason, result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_own_directory_that_is_a_link_stops_the_start()
    {
        using var outside = new TestDirectory();
        using var root = new TestDirectory();
        Tool.Run("chmod", "0700", outside.Path);
        File.CreateSymbolicLink(root[".ferry"], outside.Path);

        FerryResult result = await FerryProcess.RunAsync("serve", root.Path, "--at", outside["socket"]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("leads through a symbolic link", result.Errors, StringComparison.Ordinal);
    }
}
