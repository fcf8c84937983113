using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>What stands in the served directory never leads a delivery out of it, and is never replaced by accident (invariants 4, 5 and 6).</summary>
[Trait("Category", "EndToEnd")]
public sealed class ConfinementTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_symbolic_link_is_followed_nowhere()
    {
        using var outside = new TestDirectory();
        Directory.CreateDirectory(outside["d"]);
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Directory.CreateDirectory(served["a"]);
        Directory.CreateDirectory(served["inside"]);
        File.CreateSymbolicLink(served["out"], outside.Path);
        File.CreateSymbolicLink(served["a/out"], "../../../" + Path.GetFileName(outside.Path));
        File.CreateSymbolicLink(served["to-inside"], "inside");
        File.CreateSymbolicLink(served["loop"], "loop");
        File.CreateSymbolicLink(served["name"], outside["made"]);

        foreach (string name in new[] { "out/file", "out/d/file", "a/out/file", "a/out/d/new/file", "to-inside/file", "loop/file", "name" })
        {
            Assert.Equal((name, FerryErrorCode.SymbolicLink), (name, await served.DeliverAsync(name)));
        }
        Assert.StartsWith("Refused symbolic-link: ", await PlainPeer.DeliverAsync(served.Socket, "name", [1]), StringComparison.Ordinal);

        Assert.Equal([outside["d"]], Directory.GetFileSystemEntries(outside.Path, "*", SearchOption.AllDirectories));
        Assert.Empty(Directory.GetFileSystemEntries(served["inside"]));
        Assert.Equal(outside["made"], new FileInfo(served["name"]).LinkTarget);
    }

    [Fact]
    public async Task What_is_mounted_inside_is_refused_with_a_code_of_its_own()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("tmpfs");
        foreach (string name in new[] { "root/tmpfs", "root/bound", "other" })
        {
            Directory.CreateDirectory(disk[name]);
        }
        await File.WriteAllTextAsync(disk["root/file"], "old", Cancel);
        await File.WriteAllTextAsync(disk["precious"], "precious", Cancel);
        Tool.Run("mount", "-t", "tmpfs", "tmpfs", disk["root/tmpfs"]);
        Tool.Run("mount", "--bind", disk["other"], disk["root/bound"]);
        Tool.Run("mount", "--bind", disk["precious"], disk["root/file"]);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);

        foreach (string name in new[] { "tmpfs/file", "tmpfs/new/file", "bound/file", "bound/new/file", "file" })
        {
            Assert.Equal((name, FerryErrorCode.CrossesMount), (name, await served.DeliverAsync(name)));
        }
        Assert.StartsWith("Refused crosses-mount: ", await PlainPeer.DeliverAsync(served.Socket, "file", [1]), StringComparison.Ordinal);

        Assert.Equal("precious", await File.ReadAllTextAsync(disk["precious"], Cancel));
        Assert.Empty(Directory.GetFileSystemEntries(disk["other"]));
        Assert.Empty(Directory.GetFileSystemEntries(served["tmpfs"]));
    }

    [Fact]
    public async Task A_btrfs_subvolume_inside_is_refused_likewise()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("btrfs");
        Directory.CreateDirectory(disk["root"]);
        Tool.Run("btrfs", "subvolume", "create", disk["root/volume"]);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);

        Assert.Equal(FerryErrorCode.CrossesMount, await served.DeliverAsync("volume/file"));
        Assert.Equal(FerryErrorCode.CrossesMount, await served.DeliverAsync("volume/new/file"));
        Assert.Empty(Directory.GetFileSystemEntries(served["volume"]));
        Assert.Null(await served.DeliverAsync("beside"));
    }

    [Theory]
    [InlineData(".ferry")]
    [InlineData(".ferry/incoming/x")]
    [InlineData("a/.ferry")]
    [InlineData("a/b/.ferry/c")]
    [InlineData("a/.FERRY/c")]
    public void The_servers_own_name_is_refused_at_any_depth(string name)
    {
        using var store = new StoreFixture();

        Assert.Equal(FerryErrorCode.ReservedName, Assert.Throws<FerryException>(() => store.Send(name)).Code);
        Assert.Equal(FerryErrorCode.ReservedName, Assert.Throws<FerryException>(() => store.Delivery.CreateDirectory(name)).Code);
        Assert.Empty(store.Visible);
    }

    [Fact]
    public async Task Only_a_regular_file_is_replaced()
    {
        Needs.Root();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Tool.Run("mkfifo", served["fifo"]);
        Tool.Run("mknod", served["device"], "c", "1", "3");
        using var socket = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, 0);
        socket.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(served["socket"]));

        foreach (string name in new[] { "fifo", "device", "socket" })
        {
            Assert.Equal((name, FerryErrorCode.Exists), (name, await served.DeliverAsync(name)));
            Assert.StartsWith("Refused exists: ", await PlainPeer.DeliverAsync(served.Socket, name, [1]), StringComparison.Ordinal);
            Assert.Equal(FerryErrorCode.NotDirectory, await served.DeliverAsync(name + "/below"));
        }

        Assert.Equal("character special file fifo socket", string.Join(' ', served.Visible.Select(name => Tool.Run("stat", "-c", "%F", served[name]).Trim())));
    }

    [Fact]
    public async Task A_setgid_directory_hands_its_group_down()
    {
        Needs.Root();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Tool.Run("chgrp", "12345", served.Root);
        Tool.Run("chmod", "2775", served.Root);
        await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(served.Sources + "/d/e").FullName, "file"), "content", Cancel);
        await served.Server.StopAsync();
        await served.StartAgainAsync([]);

        await PlainPeer.DeliverAsync(served.Socket, "plain", [1]);
        Assert.Equal(0, (await served.SendAsync(served.Sources + "/d")).ExitCode);

        Assert.Equal("12345 644", Tool.Run("stat", "-c", "%g %a", served["plain"]).Trim());
        Assert.Equal("12345 2755", Tool.Run("stat", "-c", "%g %a", served["d/e"]).Trim());
        Assert.Equal("12345 644", Tool.Run("stat", "-c", "%g %a", served["d/e/file"]).Trim());
    }

    [Fact]
    public async Task Without_openat2_the_server_does_not_start_and_says_why()
    {
        using var directory = new TestDirectory();
        using var strace = new Strace("-e", "trace=openat2", "-e", "inject=openat2:error=ENOSYS");

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = strace.Wrapper });

        Assert.Equal(14, result.ExitCode);
        Assert.Contains("the system call openat2, which keeps every path inside that directory, failed with \"Function not implemented\"", result.Errors, StringComparison.Ordinal);
    }
}
