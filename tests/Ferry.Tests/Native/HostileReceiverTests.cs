using System.IO.Hashing;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>A server that lies, against the real client: no receipt is believed that the protocol or the content contradicts.</summary>
public sealed class HostileReceiverTests
{
    private static readonly byte[] Content = "content"u8.ToArray();
    private static readonly byte[] Hash = XxHash128.Hash(Content);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, (FerryErrorCode Code, Func<ScriptedPeer, Task> Script)> ConnectionFaults = new()
    {
        ["a receipt for an entry never sent"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(99, Stored(Content.Length, Hash))),
        ["a receipt that says stored before the end"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
            await peer.SendAsync(entry, Stored(Content.Length, Hash));
        }),
        ["two receipts for one entry"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
            byte[] receipt = ScriptedPeer.Frame(FrameType.Receipt, entry, ScriptedPeer.Encode(Refused()));
            // At once: after the first one the delivery is over.
            await peer.SendAsync([.. receipt, .. receipt]);
        }),
        ["go for an entry never sent"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(99, new Go())),
        ["go twice"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
            await peer.SendAsync(entry, new Go());
            await peer.SendAsync(entry, new Go());
        }),
        ["an offer from a receiver"] = Greeted(FerryErrorCode.Protocol, peer => peer.OfferAsync(1, "a", 1)),
        ["finish before the sender's"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(0, new Finish())),
        ["a second greeting"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(0, ScriptedPeer.Truthful)),
        ["garbage"] = Greeted(FerryErrorCode.Unsupported, peer => peer.SendAsync([0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF])),
        ["a receipt that is garbage"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Receipt, 1, [0xFF])),
        ["a receipt with an unknown field"] = Greeted(FerryErrorCode.Unsupported, peer => peer.SendAsync(FrameType.Receipt, 1, ScriptedPeer.Map((44, 1)))),
        ["a result that is unknown"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Receipt, 1, ScriptedPeer.Map((1, 1)))),
        ["a failure with a reason"] = Greeted(FerryErrorCode.Busy, peer => peer.SendAsync(0, new Failure(FerryErrorCode.Busy, "come back later\u001b[2J"))),
        ["closing in the middle"] = Greeted(FerryErrorCode.ConnectionLost, async peer => await peer.ReadAsync(FrameType.Offer)),
        ["a version that is unknown"] = (FerryErrorCode.Unsupported, peer => peer.GreetSecondAsync(ScriptedPeer.Truthful with { Versions = [9] })),
        ["no capability to store"] = (FerryErrorCode.Unsupported, peer => peer.GreetSecondAsync(ScriptedPeer.Truthful with { Capabilities = [] })),
        ["no hash in common"] = (FerryErrorCode.Unsupported, peer => peer.GreetSecondAsync(ScriptedPeer.Truthful with { Hashes = ["crc32"] })),
        ["a refusal instead of a greeting"] = (FerryErrorCode.NotAllowed, async peer =>
        {
            await peer.ReadPrefaceAsync();
            await peer.SendAsync([.. Preface.Bytes, .. ScriptedPeer.Frame(FrameType.Failure, 0, ScriptedPeer.Encode(new Failure(FerryErrorCode.NotAllowed, "refused")))]);
        }
        ),
        ["the plain protocol"] = (FerryErrorCode.Protocol, peer => peer.SendAsync("Message received!"u8.ToArray())),
    };

    public static TheoryData<string> ConnectionFaultNames => [.. ConnectionFaults.Keys];

    [Theory]
    [MemberData(nameof(ConnectionFaultNames))]
    public async Task What_the_protocol_does_not_allow_ends_the_connection_with_its_name(string fault)
    {
        (FerryErrorCode code, Func<ScriptedPeer, Task> script) = ConnectionFaults[fault];
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task server = Task.Run(async () =>
        {
            await script(peer);
            if (code == FerryErrorCode.ConnectionLost)
            {
                await serverStream.DisposeAsync();
            }
        }, Cancel);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => SendLargeAsync(clientStream));

        await server;
        Assert.Equal(code, e.Code);
        Assert.DoesNotContain('\u001b', e.Message);
        // After a go the client may be in the middle of a frame, where nothing more can be said.
        if (code is FerryErrorCode.Protocol or FerryErrorCode.Unsupported && fault != "go twice")
        {
            Assert.Equal(code, (await peer.ReadFailureAsync()).Code);
        }
        await serverStream.DisposeAsync();
    }

    [Theory]
    [InlineData(8, false, FerryErrorCode.SizeMismatch)]
    [InlineData(7, true, FerryErrorCode.HashMismatch)]
    public async Task A_receipt_that_contradicts_what_was_sent_is_a_mismatch(long size, bool wrongHash, FerryErrorCode code)
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task server = Task.Run(async () =>
        {
            await peer.GreetSecondAsync();
            uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
            await peer.SendAsync(entry, new Go());
            await peer.ReadAsync(FrameType.End);
            await peer.SendAsync(entry, Stored(size, wrongHash ? new byte[16] : Hash));
        }, Cancel);
        FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions(), Cancel);

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(new MemoryStream(Content), "name", cancellationToken: Cancel));

        Assert.Equal(code, e.Code);
        Assert.Equal(ReceiptResult.Mismatch, e.Receipt!.Result);
        await server;
        await serverStream.DisposeAsync();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task A_server_that_says_nothing_is_given_up_after_the_stall_time()
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task server = peer.GreetSecondAsync();
        await using FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions { StallTimeout = TimeSpan.FromSeconds(2) }, Cancel);
        await server;

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => client.SendAsync(new MemoryStream(Content), "name", cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.Stalled, e.Code);
        await serverStream.DisposeAsync();
    }

    /// <summary>Its signs of life are enough: time-outs are on silence, not on total time.</summary>
    [Fact]
    public async Task A_server_that_is_slow_and_says_that_it_lives_is_waited_for()
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task server = Task.Run(async () =>
        {
            await peer.GreetSecondAsync();
            uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
            using var timer = new PeriodicTimer(TimeSpan.FromMilliseconds(500));
            for (int i = 0; i < 10; i++)
            {
                await timer.WaitForNextTickAsync(Cancel);
                await peer.SendAsync(0, new Alive());
            }
            await peer.SendAsync(entry, new Go());
            await peer.ReadAsync(FrameType.End);
            await peer.SendAsync(entry, Stored(Content.Length, Hash));
        }, Cancel);
        FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions { StallTimeout = TimeSpan.FromSeconds(2) }, Cancel);

        Receipt receipt = await client.SendAsync(new MemoryStream(Content), "name", cancellationToken: Cancel);

        Assert.Equal(ReceiptResult.Stored, receipt.Result);
        await server;
        await serverStream.DisposeAsync();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task The_smallest_limits_that_a_server_can_name_are_kept()
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        var recorded = new RecordingStream(serverStream);
        using var peer = new ScriptedPeer(recorded);
        string[] names = ["a", "b", "c", "a-longer-name", "d"];
        Task server = Task.Run(async () =>
        {
            await peer.GreetSecondAsync(ScriptedPeer.Truthful with { Limits = new ProtocolLimits(1024, 5, 10, 1, 1, 0, 0, null) });
            for (int i = 0; i < names.Length - 1; i++)
            {
                uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
                await peer.SendAsync(entry, new Go());
                await peer.ReadAsync(FrameType.End);
                await peer.SendAsync(entry, Stored(Content.Length, Hash));
            }
        }, Cancel);
        using var directory = new TestDirectory();
        foreach (string name in names)
        {
            await File.WriteAllBytesAsync(directory[name], Content, Cancel);
        }
        FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions(), Cancel);

        List<Receipt> receipts = await client.SendManyAsync(names.Select(name => (FerryPath)directory[name]), cancellationToken: Cancel).ToListAsync(Cancel);

        await server;
        Assert.Equal(names, receipts.Select(receipt => receipt.Name.ToString()));
        Assert.Equal(FerryErrorCode.NameTooLong, Assert.Single(receipts, receipt => receipt.Result != ReceiptResult.Stored).Code);
        Assert.All(ScriptedPeer.HeadersIn(recorded.BytesRead).Where(header => header.Type == FrameType.Content), header => Assert.True(header.Length <= 5));
        await serverStream.DisposeAsync();
        await client.DisposeAsync();
    }

    [Fact]
    public async Task Entries_without_a_receipt_are_unknown_when_the_connection_is_lost()
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task server = Task.Run(async () =>
        {
            await peer.GreetSecondAsync();
            for (int i = 0; i < 3; i++)
            {
                await peer.ReadAsync(FrameType.Offer);
                await peer.ReadAsync(FrameType.End);
            }
            await serverStream.DisposeAsync();
        }, Cancel);
        using var directory = new TestDirectory();
        foreach (string name in new[] { "a", "b", "c" })
        {
            await File.WriteAllBytesAsync(directory[name], Content, Cancel);
        }
        await using FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions(), Cancel);
        List<Receipt> receipts = [];

        await Assert.ThrowsAsync<FerryConnectionException>(async () =>
        {
            await foreach (Receipt receipt in client.SendManyAsync([directory["a"], directory["b"], directory["c"]], cancellationToken: Cancel))
            {
                receipts.Add(receipt);
            }
        });

        await server;
        Assert.Equal([ReceiptResult.Unknown, ReceiptResult.Unknown, ReceiptResult.Unknown], receipts.Select(receipt => receipt.Result));
    }

    private static async Task SendLargeAsync(Stream stream)
    {
        await using FerryClient client = await FerryClient.OpenAsync(stream, new FerryClientOptions(), Cancel);
        try
        {
            await client.SendAsync(new EndlessStream(), "endless", cancellationToken: Cancel);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            // What came behind the receipt of the first delivery is met by the next one at the latest.
            await client.SendAsync(new EndlessStream(), "endless", cancellationToken: Cancel);
        }
    }

    private static (FerryErrorCode, Func<ScriptedPeer, Task>) Greeted(FerryErrorCode code, Func<ScriptedPeer, Task> script) => (code, async peer =>
    {
        await peer.GreetSecondAsync();
        await script(peer);
    }
    );

    private static ReceiptMessage Stored(long size, byte[] hash) =>
        new(ReceiptResult.Stored, null, size, hash, HashCheck.Both, Durability.Received, TransferMethod.Streamed, null, null);

    private static ReceiptMessage Refused() =>
        new(ReceiptResult.Refused, null, null, null, HashCheck.None, null, TransferMethod.Streamed, FerryErrorCode.TooLarge, "too large");
}
