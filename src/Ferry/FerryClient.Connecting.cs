using System.Diagnostics.CodeAnalysis;
using Ferry.Sending;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry;

/// <content>A client that connects again has several connections, one after the other.</content>
public sealed partial class FerryClient
{
    [MemberNotNull(nameof(connection), nameof(algorithm), nameof(reading))]
    private void Use(NativeConnection fresh)
    {
        if (!fresh.Peer.Capabilities.Contains(Greeting.Store))
        {
            throw Malformed.CannotStore();
        }
        algorithm = ContentHash.Choose(ContentHash.Algorithms, fresh.Peer.Hashes) ?? throw Malformed.NoCommonHash();
        connection = fresh;
        hasKey = false;
        reading = Task.Run(ReadAnswersAsync);
    }

    private ClientLink Link => new(connection, algorithm, () => ++lastEntry);

    private NativeDelivery Begin(SendOptions sending, ProgressCounter progress, CancellationToken abandoned)
    {
        // What was sent under a key on this connection before must not be taken for this delivery.
        byte[]? key = sending.DeliveryKey is { } given ? DeliveryKeys.Of(given) : connect is not null || hasKey ? DeliveryKeys.MakeNew() : null;
        hasKey |= key is not null;
        var reconnection = new Reconnection(options);
        long answered = 0;
        NativeDelivery? begun = null;
        var terms = new DeliveryTerms(key, FirstFailureAsync, connect is null ? null : lost =>
        {
            if (begun!.Entries.Answered > answered)
            {
                answered = begun.Entries.Answered;
                reconnection.Restart();
            }
            return ReconnectAsync(reconnection, lost, sending, abandoned);
        });
        return begun = new NativeDelivery(Link, sending, progress, terms);
    }

    private async Task<ClientLink> ReconnectAsync(Reconnection reconnection, FerryConnectionException lost, SendOptions sending, CancellationToken abandoned)
    {
        // No answer of the old connection comes after this.
        await reading.ConfigureAwait(false);
        NativeConnection fresh = await reconnection.ConnectAsync(lost, connect!, abandoned).ConfigureAwait(false);
        NativeConnection old = connection;
        try
        {
            Use(fresh);
            await old.DisposeAsync().ConfigureAwait(false);
            CheckCanReplay(sending);
            abandoned.ThrowIfCancellationRequested();
        }
        catch (Exception e)
        {
            FerryException reason = e as FerryException ?? Cancelled();
            await fresh.FailAsync(reason).ConfigureAwait(false);
            throw new FerryConnectionException(reason.Code, reason.Message, e) { IsFinal = true };
        }
        hasKey = true;
        return Link;
    }

    /// <summary>Who gave a key relies on it.</summary>
    private void CheckCanReplay(SendOptions sending)
    {
        if (sending.DeliveryKey is not null && connection.Failure is null && !connection.Peer.Capabilities.Contains(Greeting.Replay))
        {
            throw new FerryException(FerryErrorCode.Unsupported, "the server does not know deliveries by their keys, so it could store twice what was sent before; send without a delivery key");
        }
    }
}
