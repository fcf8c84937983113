using Ferry.Server.Storage.Journal;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>A connection's side of deliveries with a key: takes the key, and knows what was answered before.</summary>
internal sealed class KeyedSession(SessionContext context, NativeConnection connection, string algorithm) : IKeyedConnection, IDisposable
{
    private KeyedDelivery? delivery;

    /// <summary>Why the delivery's journal cannot be used: then none of its entries is stored.</summary>
    private FerryException? failure;

    public bool HasHungUp => connection.Failure is not null || connection.HasPeerLeft;

    public Task GiveUpAsync() => connection.FailAsync(Malformed.Ended());

    /// <summary>The entries from here on belong to a delivery.</summary>
    /// <param name="frame">The frame with its key.</param>
    /// <param name="underWay">Entries that are not over.</param>
    /// <returns>The delivery; null when its journal cannot be used, which each entry is told.</returns>
    /// <exception cref="FerryConnectionException">It may not come now, or somebody else delivers under this key.</exception>
    public async Task<KeyedDelivery?> BeginAsync(Frame frame, int underWay)
    {
        uint user = context.User ?? throw Malformed.DeliveryNotTaken();
        byte[] key = DeliveryKey.Read(connection.Reader.Cbor, frame.Payload).Key;
        if (underWay > 0)
        {
            throw Malformed.DeliveryUnderWay(underWay);
        }
        delivery?.Dispose();
        (delivery, failure) = (null, null);
        try
        {
            delivery = await context.Store.Staging.Journals.BeginAsync(user, key, this, connection.Broken).ConfigureAwait(false);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            // What is in the way of the journal says nothing about the names of the entries.
            failure = e.Code.Result() is ReceiptResult.NoSpace or ReceiptResult.StorageError ? e : new FerryException(FerryErrorCode.StorageError, e.Message, e);
        }
        return delivery;
    }

    /// <summary>The receipt that an entry got on an earlier connection; null when it is to be stored.</summary>
    /// <exception cref="FerryConnectionException">It is numbered as in a delivery with a key, and there was none.</exception>
    /// <exception cref="FerryException">The journal of the delivery cannot be used.</exception>
    public Receipt? Find(IncomingEntry entry)
    {
        if (failure is not null)
        {
            throw new FerryException(failure.Code, failure.Message, failure);
        }
        if (delivery is null)
        {
            return entry.Offer.Source is null ? null : throw Malformed.SourceWithoutDelivery(entry.Number);
        }
        entry.ArrivalId = delivery.IdOf(entry.Offer);
        return delivery.Find(entry.ArrivalId, entry.Offer, algorithm, context.Store.LevelFor(entry.Offer.Level));
    }

    public void Dispose() => delivery?.Dispose();
}
