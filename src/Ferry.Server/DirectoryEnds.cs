using Ferry.Files;
using Ferry.Server.Storage;

namespace Ferry.Server;

/// <summary>Directories that end together: they get their modes and times, are made as safe as asked, and are answered.</summary>
/// <param name="delivery">The way into the store; used by nobody else meanwhile.</param>
/// <param name="ended">The directories, each after those below it.</param>
internal sealed class DirectoryEnds(Delivery delivery, List<IncomingEntry> ended)
{
    private readonly List<(IncomingEntry Entry, Receipt Receipt)> complete = [];

    /// <param name="finish">Is given each receipt; null for an entry that has got its own before.</param>
    public async Task CompleteAsync(Action<IncomingEntry, Receipt?> finish)
    {
        bool together = delivery.Store.Commits.IsFor(ended.Count);
        foreach (IncomingEntry entry in ended)
        {
            if (entry.Offer.Atomic)
            {
                Receipt? published = entry.IsAnsweredEarly ? null : await PublishAsync(entry.Tree!, entry).ConfigureAwait(false);
                // What was replaced is removed after the receipt; but who has that may offer the name again.
                using AtomicTree? tree = entry.Tree;
                if (tree is not null)
                {
                    delivery.Trees.Forget(tree);
                }
                finish(entry, published);
                continue;
            }
            Receipt receipt = Try(entry, () => Complete(entry, flush: !together));
            if (together && receipt.Level == Durability.Durable)
            {
                complete.Add((entry, receipt));
            }
            else
            {
                finish(entry, receipt);
            }
        }
        if (complete.Count > 0)
        {
            await delivery.Store.Commits.CommitAsync(new CommitBatch()).ConfigureAwait(false);
            foreach ((IncomingEntry entry, Receipt receipt) in complete)
            {
                finish(entry, Try(entry, () =>
                {
                    delivery.Links.ThrowIfFlushFailed();
                    return receipt;
                }));
            }
        }
    }

    /// <summary>Gives a directory that arrived whole its name.</summary>
    private async Task<Receipt> PublishAsync(AtomicTree tree, IncomingEntry entry)
    {
        Store store = delivery.Store;
        Durability level = store.LevelFor(entry.Offer.Level);
        bool flush = tree.Replaces && level == Durability.Received && store.Flusher.IsUsable && entry.GivenUp is null;
        if (flush)
        {
            await store.Commits.CommitAsync(new CommitBatch()).ConfigureAwait(false);
        }
        return Try(entry, () => entry.GivenUp is { } reason ? throw reason : tree.Publish(delivery, entry.Offer, level, flush));
    }

    private Receipt Complete(IncomingEntry entry, bool flush)
    {
        if (entry.Refusal is { } refusal)
        {
            throw refusal;
        }
        // A directory given up keeps what has arrived in it, and what was known of its mode and time.
        Durability level = delivery.Store.LevelFor(entry.Offer.Level);
        ConfinedDirectory directory = delivery.CompleteDirectory(entry.Offer.Name, entry.Offer.Metadata);
        if (flush && level == Durability.Durable)
        {
            delivery.Links.FlushUpToRoot(directory);
        }
        return entry.GivenUp is { } reason
            ? throw reason
            : new Receipt { Name = entry.Offer.Name, Kind = EntryKind.Directory, Result = ReceiptResult.Stored, Level = level };
    }

    private Receipt Try(IncomingEntry entry, Func<Receipt> complete)
    {
        try
        {
            return complete();
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            return delivery.Store.NotStored(entry.Offer.Name, EntryKind.Directory, e);
        }
    }
}
