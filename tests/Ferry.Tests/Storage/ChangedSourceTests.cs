using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>A source that is another when it has been read than when it was opened is not stored, and the others are (invariant 8).</summary>
[Trait("Category", "EndToEnd")]
public sealed class ChangedSourceTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("longer", "echo more >> FILE")]
    [InlineData("overwritten", "echo X | dd of=FILE conv=notrunc status=none")]
    [InlineData("shorter", "truncate -s 100000 FILE")]
    [InlineData("another mode", "chmod 0600 FILE")]
    [InlineData("replaced", "cp FILE FILE.new && mv FILE.new FILE")]
    public async Task A_file_that_changes_while_it_is_streamed_is_not_stored_and_the_others_are(string how, string command)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string[] sources = [served.Sources + "/changed", served.Sources + "/steady"];
        foreach (string source in sources)
        {
            await File.WriteAllBytesAsync(source, new byte[1_000_000], Cancel);
        }
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, new FerryClientOptions { Descriptors = false }, Cancel);
        // The server answers nothing, so that both files are opened and looked at and none is read.
        Signal.Send(served.Server.Pid, Signal.Stop);
        Assert.True(SpinWait.SpinUntil(() => IsStopped(served.Server.Pid), TimeSpan.FromSeconds(20)));
        Task<List<Receipt>> sending = SendAsync(client, sources);
        Assert.True(SpinWait.SpinUntil(() => sources.All(IsOpen), TimeSpan.FromSeconds(20)));

        Tool.Run("sh", "-c", command.Replace("FILE", sources[0], StringComparison.Ordinal));
        Signal.Send(served.Server.Pid, Signal.Continue);
        List<Receipt> receipts = await sending;

        Receipt changed = receipts.Single(receipt => receipt.Name == "changed");
        Assert.True(changed is { Result: ReceiptResult.Changed, Code: FerryErrorCode.SourceChanged }, $"{how}: {changed}");
        Assert.Equal(ReceiptResult.Stored, receipts.Single(receipt => receipt.Name == "steady").Result);
        Assert.Equal(["steady"], served.Visible);
        await client.DisposeAsync();
        await served.WaitForEmptyStagingAsync();
    }

    /// <summary>A thread that runs on another core stops a moment after the signal was sent.</summary>
    private static bool IsStopped(int process) => Directory.GetDirectories($"/proc/{process}/task")
        .All(thread => File.ReadAllText(thread + "/stat") is string status && status[status.LastIndexOf(')')..].StartsWith(") T", StringComparison.Ordinal));

    private static async Task<List<Receipt>> SendAsync(FerryClient client, string[] sources)
    {
        List<Receipt> receipts = [];
        await foreach (Receipt receipt in client.SendManyAsync(sources.Select(source => (FerryPath)source), cancellationToken: Cancel))
        {
            receipts.Add(receipt);
        }
        return receipts;
    }

    private static bool IsOpen(string path) =>
        Directory.EnumerateFiles("/proc/self/fd").Any(descriptor => new FileInfo(descriptor).LinkTarget == path);
}
