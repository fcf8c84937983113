using System.Text.Json;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>Storage that is full, read-only, gone, broken or limited, by the kernel's own word: a clear code, nothing visible, and the next client is served.</summary>
[Trait("Category", "EndToEnd")]
public sealed class StorageLimitTests
{
    private const int Size = 2_000_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>There is room when the file is accepted, and another program takes it before the content comes.</summary>
    [Theory]
    [InlineData("tmpfs")]
    [InlineData("ext4")]
    public async Task A_disk_that_fills_up_in_the_middle_ends_one_file(string type)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--reserve-free", "none");
        await using var stream = served.Connect();
        using var peer = new ScriptedPeer(stream);
        await peer.GreetFirstAsync();
        await peer.OfferAsync(1, "promised", 800_000);
        await peer.ReadAsync(FrameType.Go);
        Assert.False(Tool.Succeeds("dd", "if=/dev/zero", $"of={disk["filler"]}", "bs=4k"));

        for (int i = 0; i < 4; i++)
        {
            await peer.ContentAsync(1, new byte[200_000]);
        }
        await peer.EndAsync(1, new byte[800_000]);

        Assert.Equal(FerryErrorCode.NoSpace, (await peer.ReadReceiptAsync()).Code);
        Assert.Single(served.Staged);
        Assert.StartsWith("Refused no-space: ", await PlainPeer.DeliverAsync(served.Socket, "plain", new byte[Size]), StringComparison.Ordinal);
        File.Delete(disk["filler"]);
        await peer.FileAsync(2, "next", [1]);
        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
        Assert.Equal(["next"], served.Visible);
    }

    [Fact]
    public async Task A_disk_without_inodes_refuses_new_files()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("8m,nr_inodes=30");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        for (int i = 0; Tool.Succeeds("touch", disk[$"filler{i}"]); i++)
        {
        }

        Assert.Equal(FerryErrorCode.NoSpace, await served.DeliverAsync("file"));
        Assert.StartsWith("Refused no-space: ", await PlainPeer.DeliverAsync(served.Socket, "plain", [1]), StringComparison.Ordinal);
        for (int i = 0; i < 10; i++)
        {
            File.Delete(disk[$"filler{i}"]);
        }
        Assert.Null(await served.DeliverAsync("new/file"));
        Assert.Equal(["new"], served.Visible);
    }

    [Fact]
    public async Task A_file_system_that_becomes_read_only_is_named()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        disk.Remount("errors=remount-ro");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        // What the kernel does when it finds the file system damaged.
        string device = Path.GetFileName(Tool.Run("findmnt", "-n", "-o", "SOURCE", disk.Path).Trim());
        await File.WriteAllTextAsync($"/sys/fs/ext4/{device}/trigger_fs_error", "1", Cancel);

        await AssertRefusedAsync(served, "read-only", 8);
    }

    [Fact]
    public async Task A_read_only_file_system_is_not_served()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("tmpfs");
        using var directory = new TestDirectory();
        Directory.CreateDirectory(disk["root"]);
        disk.Remount("ro");

        FerryResult start = await FerryProcess.RunAsync("serve", disk["root"], "--at", directory["socket"]);

        Assert.Equal(8, start.ExitCode);
        Assert.Contains("is mounted read-only", start.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_disk_that_fails_altogether_is_a_storage_error()
    {
        Needs.Program("xfs_io");
        using TinyFileSystem disk = TinyFileSystem.OfType("xfs");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        await client.SendAsync(new MemoryStream(), "before", cancellationToken: Cancel);
        Tool.Run("xfs_io", "-x", "-c", "shutdown", disk.Path);

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(new MemoryStream([1]), "file", cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.StorageError, e.Code);
        Assert.Contains("Input/output error", e.Message, StringComparison.Ordinal);
        await AssertRefusedAsync(served, "storage-error", 8);
    }

    [Fact]
    public async Task A_root_that_was_removed_is_said_to_be_gone()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Directory.Delete(served.Root, recursive: true);
        Assert.Equal(FerryErrorCode.RootGone, await served.DeliverAsync("d/file"));

        await AssertRefusedAsync(served, "root-gone", 8);
        Assert.False(Directory.Exists(served.Root));
    }

    [Fact]
    public async Task A_limit_on_the_size_of_files_ends_one_file_and_not_the_server()
    {
        Needs.Program("prlimit");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Tool.Run("prlimit", "--pid", $"{served.Server.Pid}", "--fsize=1000000:");

        await AssertRefusedAsync(served, "file-size-limit", 8);
        Assert.Null(await served.DeliverAsync("small"));

        Tool.Run("prlimit", "--pid", $"{served.Server.Pid}", "--fsize=unlimited:");
        Assert.Equal(0, (await served.SendAsync(MakeSource(served))).ExitCode);
        Assert.Equal(["small", "source"], served.Visible);
    }

    [Fact]
    public async Task Without_a_descriptor_left_a_file_is_refused_and_the_connection_goes_on()
    {
        Needs.Program("prlimit");
        // It says "Out of memory.", in one of ten runs.
        Needs.NativeBinary("the ordinary build's runtime ends when it wants a descriptor for itself and there is none");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Assert.StartsWith("Stored ", await PlainPeer.DeliverAsync(served.Socket, "before", [1]), StringComparison.Ordinal);
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        using var plain = new PlainPeer(served.Socket);
        await plain.SendAllAsync("pla"u8.ToArray());
        await plain.ReadAcknowledgementAsync();
        string before = Tool.Run("prlimit", "--pid", $"{served.Server.Pid}", "--nofile", "--output", "SOFT", "--noheadings").Trim();
        Tool.Run("prlimit", "--pid", $"{served.Server.Pid}", "--nofile=3:");

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(new MemoryStream([1]), "file", cancellationToken: Cancel));
        await plain.SendAllAsync("in\ncontent"u8.ToArray());
        plain.HalfClose();
        string line = PlainPeer.LastLine(await plain.ReadToEndAsync());

        Tool.Run("prlimit", "--pid", $"{served.Server.Pid}", $"--nofile={before}:");
        Assert.Equal(FerryErrorCode.TooManyOpenFiles, e.Code);
        Assert.StartsWith("Refused too-many-open-files: ", line, StringComparison.Ordinal);
        await client.SendAsync(new MemoryStream([1]), "later", cancellationToken: Cancel);
        Assert.Equal(["before", "later"], served.Visible);
        await client.DisposeAsync();
        await served.WaitForEmptyStagingAsync();
    }

    private static async Task AssertRefusedAsync(ServedDirectory served, string code, int exitCode)
    {
        string[] before = [.. Visible(served)];
        foreach (string option in new[] { "--verbose", "--no-descriptors" })
        {
            FerryResult result = await served.SendAsync(MakeSource(served), "--json", option);
            Assert.True(result.ExitCode == exitCode, result.ToString());
            Assert.Equal(code, JsonDocument.Parse(result.Output).RootElement.GetProperty("code").GetString());
        }
        Assert.StartsWith($"Refused {code}: cannot ", await PlainPeer.DeliverAsync(served.Socket, "plain", new byte[Size]), StringComparison.Ordinal);
        Assert.Equal(before, Visible(served));
    }

    private static IEnumerable<string> Visible(ServedDirectory served) =>
        Directory.Exists(served.Root) && Tool.Succeeds("ls", served.Root) ? served.Visible : [];

    private static string MakeSource(ServedDirectory served)
    {
        string source = Path.Combine(served.Sources, "source");
        File.WriteAllBytes(source, new byte[Size]);
        return source;
    }
}
