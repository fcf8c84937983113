using Ferry.Server;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>A sender that does not read its receipts yet, and what the server keeps for it meanwhile.</summary>
public sealed class UnreadReceiptTests
{
    private const int Many = 50;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task A_stop_cuts_no_receipt_of_what_is_stored()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using NativePair pair = Pair(disk);
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();
        await SendLongReceiptsAsync(pair, peer);

        pair.Stop();
        // Whoever gives up without waiting has done so after this.
        await Task.WhenAny(pair.Session, Task.Delay(TimeSpan.FromSeconds(2), TestContext.Current.CancellationToken));

        Assert.All((await peer.ReadReceiptsAsync(Many)).Values, receipt => Assert.Equal(ReceiptResult.Stored, receipt.Result));
        Assert.Equal(FerryErrorCode.Stopping, (await peer.ReadFailureAsync()).Code);
    }

    private static NativePair Pair(TinyFileSystem disk) => new(options =>
    {
        options.Root = disk["root"];
        options.Existing = ExistingFiles.Number;
    }, narrow: true);

    /// <summary>The second time each file gets another name, and its receipt says so: more than the narrow socket takes.</summary>
    private static async Task SendLongReceiptsAsync(NativePair pair, ScriptedPeer peer)
    {
        string name = new('n', 240);
        await peer.SendAsync(Files(1, name, Many));
        await peer.ReadReceiptsAsync(Many);
        await peer.SendAsync([.. Enumerable.Range(0, Many).SelectMany(i => ScriptedPeer.FileFrames(501 + (uint)i, $"{name}{1 + i}", [1]))]);
        await UntilAsync(() => pair.Receipts.Count == 2 * Many);
    }

    private static byte[] Files(uint first, string name, int count) =>
        [.. Enumerable.Range(0, count).SelectMany(i => ScriptedPeer.FileFrames(first + (uint)i, $"{name}{first + (uint)i}", [1]))];

    private static async Task UntilAsync(Func<bool> condition)
    {
        using var patience = new CancellationTokenSource(Patience);
        while (!condition())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
