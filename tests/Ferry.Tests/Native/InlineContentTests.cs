using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>Content that follows its offer at once may come in any number of frames.</summary>
public sealed class InlineContentTests
{
    [Theory]
    [InlineData(0, 7)]
    [InlineData(7)]
    [InlineData(3, 4)]
    [InlineData(1, 1, 0, 5)]
    [InlineData(0, 0, 7, 0, 0)]
    [InlineData(60_000, 5_536)]
    [InlineData(0)]
    [InlineData(0, 0)]
    public async Task Content_in_several_frames_is_joined(params int[] pieces)
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        byte[] content = System.Security.Cryptography.RandomNumberGenerator.GetBytes(pieces.Sum());
        await peer.GreetFirstAsync();

        await peer.OfferAsync(1, "file", content.Length);
        await peer.OfferAsync(2, "other", 3);
        int at = 0;
        foreach (int piece in pieces)
        {
            await peer.ContentAsync(1, content[at..(at += piece)]);
            await peer.ContentAsync(2, []);
        }
        await peer.ContentAsync(2, [1, 2, 3]);
        await peer.EndAsync(2, [1, 2, 3]);
        await peer.EndAsync(1, content);

        Assert.All((await peer.ReadReceiptsAsync(2)).Values, receipt => Assert.Equal((ReceiptResult.Stored, null), (receipt.Result, receipt.Reason)));
        Assert.Equal(content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "file"), TestContext.Current.CancellationToken));
        Assert.Equal([1, 2, 3], await File.ReadAllBytesAsync(Path.Combine(pair.Root, "other"), TestContext.Current.CancellationToken));
    }
}
