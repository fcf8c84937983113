using System.Net.Sockets;
using Ferry.Server.Listening;
using Ferry.Server.Storage;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// What happens to each new connection: who is it, may it connect, which protocol does it speak; then its session. The peer's first byte
/// is looked at and left where it is, and nothing it sends is interpreted before it is let in.
/// </summary>
internal sealed class Reception(
    FerryServerOptions options,
    Store store,
    AccessPolicy policy,
    DeliveryLog deliveries,
    CancellationToken stopping,
    CancellationToken abort)
{
    private static readonly TimeSpan RefusalTime = TimeSpan.FromSeconds(5);

    /// <summary>Who the peer is; null when the kernel does not say, and then it may not connect. Why it may not; null when it may.</summary>
    public (PeerIdentity? Peer, FerryException? Refusal) Identify(Socket socket)
    {
        try
        {
            PeerIdentity identity = PeerIdentity.Of(socket);
            return (identity, policy.Refusal(identity) is { } reason ? new FerryException(FerryErrorCode.NotAllowed, reason) : null);
        }
        catch (SocketException e)
        {
            return (null, new FerryException(FerryErrorCode.NotAllowed, $"refused: the kernel does not say who you are: {e.Message}"));
        }
    }

    public void LogRefusal(FerryException reason, PeerIdentity? peer) => deliveries.Refused(reason, peer?.ToString() ?? "an unknown peer");

    /// <summary>Serves a connection to its end. Never throws.</summary>
    /// <param name="socket">The connection; closed at the end.</param>
    /// <param name="peer">Who is there.</param>
    public Task ServeAsync(Socket socket, PeerIdentity peer) => GuardAsync(socket, async () =>
    {
        if (await PeekAsync(socket, options.FirstByteTime).ConfigureAwait(false) is not { } first)
        {
            return;
        }
        if (first != Preface.FirstByte && !options.Plain)
        {
            var refusal = new FerryException(FerryErrorCode.NotAllowed, "this server does not take the plain protocol; send with the native one: ferry send");
            LogRefusal(refusal, peer);
            await PlainSession.RefuseAsync(socket, refusal, RefusalTime, abort).ConfigureAwait(false);
            return;
        }
        await RunSessionAsync(socket, peer, first == Preface.FirstByte).ConfigureAwait(false);
    });

    /// <summary>Says no in the protocol that the peer speaks, which shows in its first byte; a peer that sends none is told nothing. Never throws.</summary>
    /// <param name="socket">The connection; closed at the end.</param>
    /// <param name="reason">What the peer is told.</param>
    public Task RefuseAsync(Socket socket, FerryException reason) => GuardAsync(socket, async () =>
    {
        switch (await PeekAsync(socket, RefusalTime).ConfigureAwait(false))
        {
            case null:
                return;
            case Preface.FirstByte:
                await NativeSession.RefuseAsync(new NetworkStream(socket), reason, RefusalTime).ConfigureAwait(false);
                return;
            default:
                await PlainSession.RefuseAsync(socket, reason, RefusalTime, abort).ConfigureAwait(false);
                return;
        }
    });

    private async Task GuardAsync(Socket socket, Func<Task> serve)
    {
        try
        {
            using (socket)
            {
                await serve().ConfigureAwait(false);
            }
        }
        catch (Exception e)
        {
            // A fault of ours on one connection must not touch the others.
            ServerLog.InternalError(deliveries.Logger, e);
        }
    }

    private async Task RunSessionAsync(Socket socket, PeerIdentity peer, bool native)
    {
        var record = new DeliveryRecord(peer.ToString(), deliveries);
        var context = new SessionContext(options, store, record, stopping, abort) { User = peer.KnownUser };
        FerryException? failure = null;
        try
        {
            await (native ? NativeSession.RunAsync(new UnixStream(socket), context) : PlainSession.RunAsync(socket, context)).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            failure = e as FerryException ?? new FerryException(FerryErrorCode.Internal, $"internal error: {e.Message}", e);
        }
        if (failure?.Code == FerryErrorCode.Internal)
        {
            ServerLog.InternalError(deliveries.Logger, failure);
        }
        record.End(failure);
    }

    /// <summary>The first byte, left in the socket; null when none comes in time.</summary>
    private async Task<byte?> PeekAsync(Socket socket, TimeSpan time)
    {
        byte[] first = new byte[1];
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        deadline.CancelAfter(time);
        try
        {
            if (socket.Available == 0)
            {
                await WaitForFirstAsync(socket, first, deadline.Token).ConfigureAwait(false);
            }
            // What is there is looked at even when the server is stopping: its sender may never learn that nobody did.
            return socket.Available > 0 && socket.Receive(first, SocketFlags.Peek) == 1 ? first[0] : null;
        }
        catch (SocketException)
        {
            // Gone, and nothing that it sent is left.
            return null;
        }
    }

    private static async Task WaitForFirstAsync(Socket socket, byte[] first, CancellationToken deadline)
    {
        try
        {
            await socket.ReceiveAsync(first, SocketFlags.Peek, deadline).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            // Silent, or the server stops. Something may have come all the same that nobody was told of yet.
        }
    }
}
