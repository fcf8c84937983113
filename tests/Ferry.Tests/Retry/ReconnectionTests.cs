using Ferry.Sending;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>How often a client connects again, with what pauses, and after what it does not.</summary>
public sealed class ReconnectionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Attempts_are_bounded_and_their_pauses_grow_from_a_tenth_of_a_second_to_ten()
    {
        var clock = new QuickTime();
        var told = new List<ReconnectAttempt>();
        var reconnection = new Reconnection(new FerryClientOptions { Retries = 12, Time = clock, Reconnecting = new Listener(told) });
        int attempts = 0;

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => reconnection.ConnectAsync<int>(
            Failure(FerryErrorCode.ConnectionLost), _ => throw Failure(++attempts % 2 == 0 ? FerryErrorCode.NoServer : FerryErrorCode.Busy), Cancel));

        Assert.Equal((FerryErrorCode.ConnectionLost, 12), (e.Code, attempts));
        Assert.Contains("tried 12 times to connect again, the last time: NoServer", e.Message, StringComparison.Ordinal);
        Assert.Equal(Enumerable.Range(1, 12), told.Select(attempt => attempt.Number));
        double most = 0.1;
        foreach (ReconnectAttempt attempt in told)
        {
            Assert.InRange(attempt.Pause.TotalSeconds, most / 2, most);
            most = Math.Min(2 * most, 10);
        }
        Assert.Equal(told.Select(attempt => Math.Floor(attempt.Pause.TotalMilliseconds)), clock.Pauses.Select(pause => pause.TotalMilliseconds));
    }

    [Fact]
    public async Task The_count_begins_anew_when_a_connection_was_of_use()
    {
        var reconnection = new Reconnection(new FerryClientOptions { Retries = 2, Time = new QuickTime() });

        for (int i = 0; i < 5; i++)
        {
            await reconnection.ConnectAsync(Failure(FerryErrorCode.Stalled), _ => Task.FromResult(i), Cancel);
            reconnection.Restart();
        }
        await reconnection.ConnectAsync(Failure(FerryErrorCode.Stalled), _ => Task.FromResult(1), Cancel);
        await reconnection.ConnectAsync(Failure(FerryErrorCode.Stalled), _ => Task.FromResult(2), Cancel);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => reconnection.ConnectAsync(Failure(FerryErrorCode.Stalled), _ => Task.FromResult(3), Cancel));
        Assert.Equal(FerryErrorCode.Stalled, e.Code);
        Assert.Contains("connected again 2 times without a receipt", e.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(FerryErrorCode.NotAllowed)]
    [InlineData(FerryErrorCode.Protocol)]
    [InlineData(FerryErrorCode.Unsupported)]
    [InlineData(FerryErrorCode.Internal)]
    [InlineData(FerryErrorCode.Limit)]
    [InlineData(FerryErrorCode.StorageError)]
    [InlineData(FerryErrorCode.GivenUp)]
    public async Task What_would_fail_again_is_not_tried_again(FerryErrorCode code)
    {
        var reconnection = new Reconnection(new FerryClientOptions { Retries = 5, Time = new QuickTime() });
        int attempts = 0;

        FerryConnectionException lost = await Assert.ThrowsAsync<FerryConnectionException>(() => reconnection.ConnectAsync(Failure(code), _ => Task.FromResult(++attempts), Cancel));
        FerryConnectionException found = await Assert.ThrowsAsync<FerryConnectionException>(() => reconnection.ConnectAsync<int>(
            Failure(FerryErrorCode.ConnectionLost), _ => throw Failure(++attempts > 0 ? code : default), Cancel));

        Assert.Equal((code, code, 1), (lost.Code, found.Code, attempts));
    }

    /// <summary>To wait for a server that was never there is something else (<c>--wait</c>).</summary>
    [Fact]
    public async Task A_server_that_was_never_there_is_not_tried_again_and_one_that_vanished_is()
    {
        var options = new FerryClientOptions { Retries = 5, Time = new QuickTime() };
        int never = 0, vanished = 0;

        await Assert.ThrowsAsync<FerryConnectionException>(() => new Reconnection(options).ConnectAsync<int>(null, _ => throw Failure(++never > 0 ? FerryErrorCode.NoServer : default), Cancel));
        await Assert.ThrowsAsync<FerryConnectionException>(() => new Reconnection(options).ConnectAsync<int>(
            null, _ => throw Failure(++vanished == 1 ? FerryErrorCode.ConnectionLost : FerryErrorCode.NoServer), Cancel));

        Assert.Equal((1, 6), (never, vanished));
    }

    [Fact]
    public async Task A_pause_ends_when_the_caller_cancels()
    {
        using var cancelled = new CancellationTokenSource();
        var reconnection = new Reconnection(new FerryClientOptions { Retries = 5, Reconnecting = new Listener([], cancelled.Cancel) });

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => reconnection.ConnectAsync(Failure(FerryErrorCode.ConnectionLost), _ => Task.FromResult(1), cancelled.Token));
    }

    /// <summary>A server that hangs up without a receipt, for ever.</summary>
    [Fact]
    public async Task A_delivery_gives_up_when_no_connection_is_of_use_and_every_entry_is_unknown()
    {
        using var directory = new TestDirectory();
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(directory["socket"]));
        listener.Listen();
        int connections = 0;
        Task serving = Task.Run(async () =>
        {
            while (connections < 4)
            {
                using var stream = new System.Net.Sockets.NetworkStream(await listener.AcceptAsync(), ownsSocket: true);
                connections++;
                using var peer = new ScriptedPeer(stream);
                await peer.GreetSecondAsync();
                await peer.ReadAsync(FrameType.Offer);
            }
        }, Cancel);
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);
        await using FerryClient client = await FerryClient.ConnectAsync(directory["socket"], new FerryClientOptions { Retries = 3, Time = new QuickTime() }, Cancel);
        var receipts = new List<Receipt>();

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(async () =>
        {
            await foreach (Receipt receipt in client.SendManyAsync([directory["file"]], cancellationToken: Cancel))
            {
                receipts.Add(receipt);
            }
        });

        await serving;
        Assert.Equal((FerryErrorCode.ConnectionLost, 4), (e.Code, connections));
        Assert.Equal([ReceiptResult.Unknown], receipts.Select(receipt => receipt.Result));
    }

    [Fact]
    public async Task A_server_that_knows_no_keys_is_refused_where_the_user_gave_one_and_used_without_where_not()
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var peer = new ScriptedPeer(serverStream);
        Task serving = peer.GreetSecondAsync();
        await using FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions { Retries = 3 }, Cancel);
        await serving;

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(new MemoryStream([1]), "name", new SendOptions { DeliveryKey = "k" }, Cancel));
        Task<Receipt> sending = client.SendAsync(new MemoryStream([1]), "name", cancellationToken: Cancel);
        // A delivery key would be a frame that this does not expect.
        uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
        await peer.SendAsync(entry, new Go());
        await peer.ReadAsync(FrameType.End);
        await peer.SendAsync(entry, new ReceiptMessage(ReceiptResult.Stored, null, 1, null, HashCheck.None, Durability.Received, TransferMethod.Streamed, null, null));

        Assert.Equal(FerryErrorCode.Unsupported, e.Code);
        Assert.Equal(ReceiptResult.Stored, (await sending).Result);
        await serverStream.DisposeAsync();
    }

    private static FerryConnectionException Failure(FerryErrorCode code) => new(code, code.ToString());

    private sealed class Listener(List<ReconnectAttempt> told, Action? then = null) : IProgress<ReconnectAttempt>
    {
        public void Report(ReconnectAttempt value)
        {
            told.Add(value);
            then?.Invoke();
        }
    }
}
