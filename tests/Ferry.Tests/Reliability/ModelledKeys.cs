using Ferry.Server.Storage;
using Ferry.Server.Storage.Journal;
using Ferry.Wire;

namespace Ferry.Tests.Reliability;

/// <summary>
/// Deliveries with a key into a real store, and what a plain dictionary knows of them: what was stored gets its receipt again, under the name it got, and
/// nothing is stored twice, wherever the server died.
/// </summary>
internal sealed class ModelledKeys(StoreModel model)
{
    private const uint User = 1000;

    private readonly Dictionary<(int Key, long Source), string> known = [];
    private (int Key, long Source, string Name, byte[] Content)? last;
    private long sources;

    /// <summary>Offers something new, and goes on with it as far as the action says.</summary>
    /// <returns>True when the server is dead by then.</returns>
    public bool Deliver(Store store, int key, string name, byte[] content, ModelAction action)
    {
        last = (key, ++sources, name, content);
        return Deliver(store, action);
    }

    /// <summary>Offers what was offered last once more, on another connection.</summary>
    public void DeliverAgain(Store store)
    {
        if (last is not null)
        {
            Deliver(store, ModelAction.Deliver);
        }
    }

    private bool Deliver(Store store, ModelAction action)
    {
        (int key, long source, string name, byte[] content) = last!.Value;
        KeyedDelivery keyed = store.Staging.Journals.BeginAsync(User, [(byte)key], new Connection(), CancellationToken.None).GetAwaiter().GetResult();
        var offer = new Offer(EntryKind.File, name, content.Length, default, Durability.Durable) { Source = source };
        Durability level = store.LevelFor(Durability.Durable);
        Receipt? receipt = keyed.Find(keyed.IdOf(offer), offer, ContentHash.XxHash, level);
        ModelledStore.Same(known.GetValueOrDefault((key, source)), receipt?.Name.ToString(), $"the receipt for {name} that the journal has");
        bool died = receipt is null && Store(store, keyed, offer, content, action);
        if (!died)
        {
            keyed.Dispose();
        }
        return died;
    }

    private bool Store(Store store, KeyedDelivery keyed, Offer offer, byte[] content, ModelAction action)
    {
        string name = offer.Name.ToString();
        Delivery delivery = store.BeginDelivery();
        delivery.Continue(keyed);
        IncomingFile? file = null;
        FerryErrorCode? refusal = ModelledStore.RefusalOf(() => file = delivery.CreateFile(name, new FileExpectation(content.Length, default, Durability.Durable)));
        ModelledStore.Same(model.Offer(name), refusal, $"an offer of {name} in a delivery with a key");
        if (file is not null)
        {
            file.Write(content);
            file.Complete(delivery);
            string hash = ContentHash.ToText(ContentHash.XxHash, ContentHash.Of(ContentHash.XxHash, content));
            var receipt = new Receipt { Name = offer.Name, Result = ReceiptResult.Stored, Size = content.Length, Hash = hash, Level = file.Level };
            file.Intent = keyed.IntentOf(keyed.IdOf(offer)!.Value, offer, receipt, file.Identify(receipt));
            (string? Stored, FerryErrorCode? Refusal) published = (null, null);
            var batch = new CommitBatch(keyed: keyed);
            batch.Add(file, (incoming, failure) => published = failure is null ? (incoming.StoredAs.ToString(), null) : (null, failure.Code));
            if (action == ModelAction.DieBeforePublishing)
            {
                batch.Intend(flush: true);
                return true;
            }
            (string? Stored, FerryErrorCode? Refusal) expected = model.Publish(name, content);
            if (expected.Stored is { } stored)
            {
                known[(last!.Value.Key, offer.Source!.Value)] = stored;
            }
            if (action == ModelAction.DieAfterPublishing)
            {
                batch.Intend(flush: true);
                batch.Publish(delivery.Directories);
                return true;
            }
            batch.PublishUnflushed(delivery.Directories);
            batch.CommitAlone(delivery.Directories, delivery.Links);
            batch.Answer(null);
            ModelledStore.Same(expected, published, $"the end of {name} in a delivery with a key");
        }
        delivery.Dispose();
        return false;
    }

    /// <summary>A connection that lives for as long as its delivery.</summary>
    private sealed class Connection : IKeyedConnection
    {
        public bool HasHungUp => false;

        public Task GiveUpAsync() => Task.CompletedTask;
    }
}
