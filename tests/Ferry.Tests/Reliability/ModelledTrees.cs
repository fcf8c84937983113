using Ferry.Server.Storage;
using Ferry.Wire;

namespace Ferry.Tests.Reliability;

/// <summary>Directories that arrive whole or not at all, into a real store and its model.</summary>
internal static class ModelledTrees
{
    private static readonly string[] Files = ["a", "e/a"];

    /// <summary>Offers one, and goes on with it as far as the action says.</summary>
    /// <returns>True when the server is dead by then.</returns>
    public static bool Deliver(Store store, StoreModel model, string name, byte[] content, ModelAction action)
    {
        Delivery delivery = store.BeginDelivery();
        var offer = new Offer(EntryKind.Directory, name, null, default, Durability.Durable, Atomic: true);
        AtomicTree tree = delivery.Trees.Begin(delivery, offer);
        ModelledStore.Same(model.OfferTree(name), tree.Refusal?.Code, $"an offer of the whole of {name}");
        if (tree.Refusal is null)
        {
            foreach (string file in Files)
            {
                tree.Hold(Store(delivery, $"{name}/{file}", content));
            }
            if (action == ModelAction.DieInTree)
            {
                return true;
            }
            if (action == ModelAction.DeliverPartOfTree)
            {
                tree.Hold(store.NotStored($"{name}/refused", EntryKind.File, new FerryException(FerryErrorCode.SizeMismatch, "it was cut short")));
            }
            string? stored = null;
            FerryErrorCode? refusal = ModelledStore.RefusalOf(
                () => stored = tree.Publish(delivery, offer, store.LevelFor(Durability.Durable), isFlushed: false).Name.ToString());
            ModelledStore.Same(
                action == ModelAction.DeliverPartOfTree ? (null, FerryErrorCode.Incomplete) : model.PublishTree(name, Files, content), (stored, refusal),
                $"the end of the whole of {name}");
        }
        delivery.Trees.Forget(tree);
        tree.Dispose();
        delivery.Dispose();
        return false;
    }

    private static Receipt Store(Delivery delivery, FerryPath name, byte[] content)
    {
        using IncomingFile file = delivery.CreateFile(name, new FileExpectation(content.Length, default, Durability.Durable));
        file.Write(content);
        return new Receipt { Name = file.Commit().Name, Result = ReceiptResult.Stored, Size = content.Length };
    }
}
