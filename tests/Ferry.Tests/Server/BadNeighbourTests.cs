using System.Net.Sockets;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>What one peer does is felt by no other.</summary>
[Trait("Category", "EndToEnd")]
public sealed class BadNeighbourTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("garbage")]
    [InlineData("half a frame")]
    [InlineData("a reset")]
    [InlineData("silence in the middle of a file")]
    [InlineData("receipts that are not read")]
    public async Task What_a_peer_does_wrong_it_does_to_itself(string fault)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        List<NetworkStream> bad = [];
        for (int i = 0; i < 50; i++)
        {
            NetworkStream stream = served.Connect();
            bad.Add(stream);
            await MisbehaveAsync(stream, fault);
        }

        for (int i = 0; i < 20; i++)
        {
            await DeliverAsync(client, $"good{i}");
        }

        bad.ForEach(stream => stream.Dispose());
        await DeliverAsync(client, "last");
        Assert.Equal(21, served.Visible.Count(name => name.StartsWith("good", StringComparison.Ordinal) || name == "last"));
        Assert.DoesNotContain("Internal error", served.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_fills_the_disk_gets_the_refusal_and_the_space_back_to_the_others()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("32m");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        await using FerryClient greedy = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);

        FerryException full = await Assert.ThrowsAsync<FerryException>(() => greedy.SendAsync(new EndlessStream(), "endless", cancellationToken: Cancel));
        await DeliverAsync(client, "small");

        Assert.Equal(FerryErrorCode.NoSpace, full.Code);
        Assert.Equal(["small"], served.Visible);
    }

    private static async Task MisbehaveAsync(NetworkStream stream, string fault)
    {
        // Not disposed: that would close the stream, which is to stay open.
        var peer = new ScriptedPeer(stream);
        if (fault == "garbage")
        {
            await peer.SendAsync([0x89, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
            return;
        }
        await peer.GreetFirstAsync();
        switch (fault)
        {
            case "half a frame":
                await peer.SendAsync([(byte)FrameType.Offer, 0, 0]);
                break;
            case "a reset":
                await peer.OfferAsync(1, "reset", 1_000_000);
                // What was sent to it and not read makes its end a reset.
                stream.Socket.Dispose();
                break;
            case "silence in the middle of a file":
                await peer.OfferAsync(1, "silent", 1_000_000);
                await peer.ReadAsync(FrameType.Go);
                await peer.ContentAsync(1, new byte[1000]);
                break;
            default:
                byte[] files = [.. Enumerable.Range(1, 100).SelectMany(i => ScriptedPeer.FileFrames((uint)i, $"unread{i}", [1]))];
                await peer.SendAsync(files);
                break;
        }
    }

    private static async Task DeliverAsync(FerryClient client, string name) =>
        Assert.Equal(ReceiptResult.Stored, (await client.SendAsync(new MemoryStream([1, 2, 3]), name, cancellationToken: Cancel)).Result);
}
