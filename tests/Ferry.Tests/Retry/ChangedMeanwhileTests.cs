using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>A source that is not what it was when the connection is made again (invariant 8).</summary>
[Trait("Category", "EndToEnd")]
public sealed class ChangedMeanwhileTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <param name="size">Small files go with their offer, large ones wait for their go.</param>
    /// <param name="change">What is done to the file in the meantime.</param>
    /// <param name="result">What becomes of it.</param>
    [Theory]
    [InlineData(100, "printf x >> tree/sub/file", "changed")]
    [InlineData(100, "mv tree/sub/file tree/sub/other", "unreadable")]
    [InlineData(100, "mv tree/sub moved && ln -s ../moved tree/sub", "unreadable")]
    [InlineData(100, "rm tree/sub/file && ln -s ../../secret tree/sub/file", "unreadable")]
    [InlineData(100, "rm tree/sub/file && mkfifo tree/sub/file", "changed")]
    [InlineData(300_000, "printf x >> tree/sub/file", "changed")]
    [InlineData(300_000, "true", "stored")]
    [InlineData(100, "true", "stored")]
    public async Task What_is_sent_again_is_the_same_or_is_not_sent(int size, string change, string result)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree", "sub")).Parent!.FullName;
        await File.WriteAllBytesAsync(Path.Combine(tree, "sub", "file"), new byte[size], Cancel);
        await File.WriteAllTextAsync(Path.Combine(served.Sources, "secret"), new string('s', size), Cancel);
        // In the middle of the content of the one file.
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? (size > 65536 ? new RelayCut(AfterFromClient: 200_000) : new RelayCut(AfterFromClient: 300)) : null)
        {
            OnCut = _ => Task.Run(() => Tool.Run("sh", "-c", $"cd '{served.Sources}' && {change}")),
        };

        FerryResult sent = await FerryProcess.RunAsync("send", tree, "--at", relay.Path, "--retry", "3", "--json", "--jobs", "1");

        Assert.Equal(1, relay.Cuts);
        Assert.Equal(result, SentReceipts.Read(sent).All.Single(receipt => receipt.Name == "tree/sub/file").Result);
        Assert.Equal(result == "stored", File.Exists(served["tree/sub/file"]));
        Assert.Equal("stored", SentReceipts.Read(sent).All.Single(receipt => receipt.Name == "tree").Result);
    }

    /// <summary>What the server has stored already needs no source any more.</summary>
    [Fact]
    public async Task A_file_that_is_gone_and_was_stored_gets_its_receipt()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = Path.Combine(served.Sources, "file");
        await File.WriteAllTextAsync(source, "content", Cancel);
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(FrameType.Receipt) : null)
        {
            OnCut = async _ =>
            {
                await served.WaitForEmptyStagingAsync();
                File.Delete(source);
            },
        };

        FerryResult sent = await FerryProcess.RunAsync("send", source, "--at", relay.Path, "--retry", "3", "--json");

        Assert.True(sent.ExitCode == 0, sent.ToString());
        Assert.Equal(["file"], SentReceipts.Read(sent).Replayed);
    }
}
