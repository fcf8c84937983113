using System.Security.Cryptography;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>The order of a real server's system calls (docs/storage.md, "Order of calls"), seen by strace.</summary>
[Trait("Category", "EndToEnd")]
public sealed class FlushOrderTests
{
    private const int Small = 50;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("ext4")]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    [InlineData("overlay")]
    public async Task Every_durable_entry_is_flushed_published_and_its_directories_flushed_before_its_receipt(string type)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper);
        string tree = MakeTree(served.Sources, "tree");
        string other = MakeTree(disk.Path, "other");
        Directory.CreateDirectory(served["there/before"]);
        // A file in such a directory is given its group, before the flush like everything else.
        Tool.Run("chgrp", "12345", served["there/before"]);
        Tool.Run("chmod", "g+s", served["there/before"]);

        FerryResult[] results = await Task.WhenAll(
            served.SendAsync(tree, "--json"),
            served.SendAsync(other, "--into", "there/before", "--json"),
            served.SendAsync(tree, "--into", "streamed/new", "--no-descriptors", "--json"));
        // A second time, over what is there.
        FerryResult replaced = await served.SendAsync(tree, "--json");

        List<TracedReceipt> receipts = await ReceiptsAsync(served, strace, disk, type);
        Assert.All([.. results, replaced], result => Assert.Equal(0, result.ExitCode));
        Assert.Equal(4 * (Small + 6), receipts.Count);
    }

    [Theory]
    [InlineData("ext4")]
    [InlineData("overlay")]
    public async Task A_plain_delivery_is_flushed_in_the_same_order(string type)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper);

        await Task.WhenAll(Enumerable.Range(0, 10).Select(i => PlainPeer.DeliverAsync(served.Socket, $"plain{i}", RandomNumberGenerator.GetBytes(i * 10_000))));
        await PlainPeer.DeliverAsync(served.Socket, "plain5", [1]);

        Assert.Equal(11, (await ReceiptsAsync(served, strace, disk, type)).Count);
    }

    /// <summary>The root may be new itself, and then is nothing without its own name.</summary>
    [Fact]
    public async Task A_served_directory_that_the_server_made_is_flushed_into_its_parent_before_anybody_connects()
    {
        using var directory = new TestDirectory();
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(directory["root"], strace.Wrapper);
        await served.Server.StopAsync();

        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        TracedCall made = calls.Single(call => call.Name == "mkdirat" && call.NamedPath(0) == served.Root);
        TracedCall accepting = calls.First(call => call.Name == "accept4");
        Assert.Contains(calls, call => call is { Name: "fsync", Value: 0 } && call.Path == directory.Path && call.Began > made.Ended && call.Ended < accepting.Began);
    }

    /// <summary>At this level a new name costs no flush; a name that had content must never be left without any.</summary>
    [Fact]
    public async Task A_replaced_name_is_flushed_before_its_rename_also_where_only_received_is_promised()
    {
        using var directory = new TestDirectory();
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(directory["root"], strace.Wrapper, "--durability", "received");
        string tree = MakeTree(served.Sources, "tree");

        await served.SendAsync(tree);
        await PlainPeer.DeliverAsync(served.Socket, "plain", [1]);
        Directory.CreateDirectory(served["mark"]);
        await served.SendAsync(tree);
        await PlainPeer.DeliverAsync(served.Socket, "plain", [2]);
        await served.Server.StopAsync();

        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        List<TracedReceipt> receipts = [.. TracedReceipt.Read(calls).Where(receipt => receipt.Kind == EntryKind.File).OrderBy(receipt => receipt.Sent.Began)];
        Assert.Equal(2 * (Small + 3), receipts.Count);
        var order = new StoringOrder(calls, served.Root, served.Root, wholeFlushes: false);
        Assert.All(receipts[(Small + 3)..], receipt => order.AssertFlushedBeforePublishing(receipt));
        int second = receipts[Small + 3].Accepted.Began;
        Assert.DoesNotContain(calls, call => call.Name is "fsync" or "fdatasync" or "syncfs" && call.Began > receipts[0].Accepted.Began && call.Began < second);
    }

    private static async Task<List<TracedReceipt>> ReceiptsAsync(ServedDirectory served, Strace strace, TinyFileSystem disk, string type)
    {
        await served.Server.StopAsync();
        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        List<TracedReceipt> receipts = TracedReceipt.Read(calls);
        var order = new StoringOrder(calls, disk.Path, served.Root, wholeFlushes: type is not "overlay");
        Assert.All(receipts, order.AssertDurable);
        order.AssertNoFlushOverlaps();
        return receipts;
    }

    /// <summary>Four directories, fifty small files, an empty one and a large one.</summary>
    private static string MakeTree(string parent, string name)
    {
        string tree = Path.Combine(parent, name);
        Directory.CreateDirectory(Path.Combine(tree, "a", "b", "c"));
        for (int i = 0; i < Small; i++)
        {
            File.WriteAllBytes(Path.Combine(tree, i % 2 == 0 ? "a/b/c" : "a", $"file{i}"), RandomNumberGenerator.GetBytes(20 * i));
        }
        File.WriteAllBytes(Path.Combine(tree, "empty"), []);
        File.WriteAllBytes(Path.Combine(tree, "large"), RandomNumberGenerator.GetBytes(100_000));
        return tree;
    }
}
