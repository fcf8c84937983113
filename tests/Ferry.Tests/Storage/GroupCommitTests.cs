using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>Many small files are made safe together, by flushes of the whole file system that several connections share.</summary>
[Trait("Category", "EndToEnd")]
public sealed class GroupCommitTests
{
    /// <summary>More than are flushed one by one.</summary>
    private const int Many = 20;

    private static readonly byte[] Content = "content"u8.ToArray();

    [Fact]
    public async Task Connections_that_wait_for_the_disk_at_the_same_time_share_its_flushes()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        using Strace strace = StoringOrder.Tracer("-e", "inject=syncfs:delay_enter=500ms");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper);
        ScriptedPeer[] peers = [.. await Task.WhenAll(Enumerable.Range(0, 6).Select(_ => GreetAsync(served)))];

        await Task.WhenAll(peers.Index().Select(peer => peer.Item.SendAsync(Files(1, $"peer{peer.Index}-"))));
        foreach (ScriptedPeer peer in peers)
        {
            Assert.All((await peer.ReadReceiptsAsync(Many)).Values, receipt => Assert.Equal((ReceiptResult.Stored, Durability.Durable), (receipt.Result, receipt.Level)));
            peer.Dispose();
        }
        await served.Server.StopAsync();

        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        var order = new StoringOrder(calls, disk.Path, served.Root, wholeFlushes: true);
        List<TracedReceipt> receipts = TracedReceipt.Read(calls);
        Assert.Equal(peers.Length * Many, receipts.Count);
        Assert.All(receipts, order.AssertDurable);
        order.AssertNoFlushOverlaps();
        // One by one they would be two for each.
        Assert.InRange(calls.Count(call => call.Name == "syncfs"), 2, 8);
    }

    /// <summary>
    /// The error may be about anything that is not yet flushed: also about a file that was written long before, by somebody else's connection, or about a directory into
    /// which more is to come.
    /// </summary>
    [Fact]
    public async Task A_failed_flush_is_the_end_of_everything_under_way_and_of_nothing_after()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        using ScriptedPeer one = await GreetAsync(served), two = await GreetAsync(served), waiting = await GreetAsync(served);
        byte[] large = new byte[ProtocolLimits.MaxInlineBytes + 1];
        await waiting.OfferAsync(1, "large", large.Length);
        await waiting.ReadAsync(FrameType.Go);
        await waiting.ContentAsync(1, large);
        await waiting.FileAsync(2, "behind-it", Content);
        Assert.Equal(ReceiptResult.Stored, (await waiting.ReadReceiptAsync()).Result);

        Dictionary<uint, ReceiptMessage>[] failed;
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=syncfs", "-e", "inject=syncfs:error=EIO:delay_enter=1s"))
        {
            await Task.WhenAll(one.SendAsync(Files(1, "one")), two.SendAsync(Files(1, "two")));
            failed = [await one.ReadReceiptsAsync(Many), await two.ReadReceiptsAsync(Many)];
        }
        await waiting.SendAsync([.. ScriptedPeer.Frame(FrameType.End, 1, ScriptedPeer.Encode(End.OfFile(large.Length, System.IO.Hashing.XxHash128.Hash(large)))), .. Files(3, "new")]);
        Dictionary<uint, ReceiptMessage> mixed = await waiting.ReadReceiptsAsync(1 + Many);
        await one.SendAsync(Files(1 + Many, "one"));
        Dictionary<uint, ReceiptMessage> again = await one.ReadReceiptsAsync(Many);

        Assert.All(failed.SelectMany(receipts => receipts.Values), receipt => Assert.Equal(FerryErrorCode.StorageError, receipt.Code));
        Assert.All(mixed.Values, receipt => Assert.Equal(FerryErrorCode.StorageError, receipt.Code));
        Assert.All(again.Values, receipt => Assert.Equal((ReceiptResult.Stored, Durability.Durable), (receipt.Result, receipt.Level)));
        Assert.DoesNotContain("large", served.Visible);
        Assert.Equal(1 + Many, served.Visible.Count());
    }

    /// <summary>New names cost no flush at this level; a name that had content must never be left without any.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(Many)]
    public async Task Names_replaced_in_a_batch_are_flushed_first_also_where_only_received_is_promised(int existing)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper, "--durability", "received");
        for (uint entry = 1; entry <= existing; entry++)
        {
            await File.WriteAllTextAsync(served[$"file{entry + Many - existing}"], "old", TestContext.Current.CancellationToken);
        }

        using ScriptedPeer peer = await GreetAsync(served);
        await peer.SendAsync(Files(1, "file"));
        Dictionary<uint, ReceiptMessage> receipts = await peer.ReadReceiptsAsync(Many);
        await served.Server.StopAsync();

        Assert.All(receipts.Values, receipt => Assert.Equal((ReceiptResult.Stored, Durability.Received), (receipt.Result, receipt.Level)));
        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        var order = new StoringOrder(calls, disk.Path, served.Root, wholeFlushes: true);
        TracedReceipt[] replaced = [.. TracedReceipt.Read(calls).Where(receipt => int.Parse(receipt.Name["file".Length..], System.Globalization.CultureInfo.InvariantCulture) > Many - existing)];
        Assert.Equal(existing, replaced.Length);
        Assert.All(replaced, receipt => order.AssertFlushedBeforePublishing(receipt));
    }

    [Fact]
    public async Task An_entry_refused_in_the_middle_of_a_batch_leaves_the_others_alone()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        Directory.CreateDirectory(served["directory"]);
        using ScriptedPeer peer = await GreetAsync(served);

        await peer.SendAsync([
            .. Files(1, "before"),
            .. ScriptedPeer.FileFrames(101, "directory", Content),
            .. ScriptedPeer.FileFrames(102, "up/../../here", Content),
            .. ScriptedPeer.FileFrames(103, "hash", Content)[..^1], 0xFF,
            .. ScriptedPeer.FileFrames(104, "before1/below-a-file", Content),
            .. Files(201, "after")]);
        Dictionary<uint, ReceiptMessage> receipts = await peer.ReadReceiptsAsync(Many + 4 + Many);

        Assert.Equal(FerryErrorCode.IsDirectory, receipts[101].Code);
        Assert.Equal(FerryErrorCode.BadName, receipts[102].Code);
        Assert.Equal(FerryErrorCode.HashMismatch, receipts[103].Code);
        // Whether it comes before or after that file's publishing, there is no room for both.
        Assert.Equal(1, receipts.Count(receipt => receipt.Value.Result != ReceiptResult.Stored && receipt.Key is 1 or 104));
        Assert.All(receipts.Where(receipt => receipt.Key is > 1 and < 100 or > 200), receipt => Assert.Equal(ReceiptResult.Stored, receipt.Value.Result));
        await peer.SendAsync(0, new Finish());
        await served.WaitForEmptyStagingAsync();
    }

    private static async Task<ScriptedPeer> GreetAsync(ServedDirectory served)
    {
        var peer = new ScriptedPeer(served.Connect());
        await peer.GreetFirstAsync();
        return peer;
    }

    private static byte[] Files(uint first, string name) =>
        [.. Enumerable.Range(0, Many).SelectMany(i => ScriptedPeer.FileFrames(first + (uint)i, $"{name}{first + (uint)i}", Content))];
}
