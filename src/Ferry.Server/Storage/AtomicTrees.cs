using Ferry.Files;
using Ferry.Server.Storage.Journal;
using Ferry.Wire;

namespace Ferry.Server.Storage;

/// <summary>The directories of one connection that arrive whole or not at all. Any thread may look; the reader begins them, the ends of directories end them.</summary>
internal sealed class AtomicTrees : IDisposable
{
    private readonly Lock gate = new();

    /// <summary>Replaced, never changed, so that looking needs no lock: nearly always it is empty.</summary>
    private volatile AtomicTree[] open = [];

    /// <summary>The delivery with a key that they belong to, on whose next connection they can go on; null where there is none.</summary>
    public KeyedDelivery? Keyed { get; set; }

    /// <summary>The tree that a name lies in; null for most names.</summary>
    public AtomicTree? Around(FerryPath sent) => Array.Find(open, tree => tree.Contains(sent));

    /// <summary>The tree that a name lies in or is the name of; null for most names.</summary>
    public AtomicTree? Touching(FerryPath sent) => Array.Find(open, tree => tree.Is(sent) || tree.Contains(sent));

    /// <summary>Where an entry is stored, or waits.</summary>
    /// <exception cref="FerryException">The name is not allowed, or lies in a directory that is refused.</exception>
    public StoredName Place(FerryPath sent)
    {
        StoredName name = StoredName.Parse(sent);
        return Around(sent) is { } tree ? tree.Place(sent) : name;
    }

    /// <summary>Begins one; what is offered below its name belongs to it from now on, also when it is refused.</summary>
    public AtomicTree Begin(Delivery worker, in Offer offer)
    {
        StoredName target = StoredName.Parse(offer.Name);
        AtomicTree tree;
        try
        {
            tree = new AtomicTree(worker, target, offer, Keyed);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            tree = new AtomicTree(worker.Store, target, e);
        }
        lock (gate)
        {
            open = [.. open, tree];
        }
        return tree;
    }

    /// <summary>Forgets one that has ended; whoever does disposes it.</summary>
    public void Forget(AtomicTree tree)
    {
        lock (gate)
        {
            open = [.. open.Where(other => other != tree)];
        }
    }

    /// <summary>The connection is over. What belongs to a delivery with a key waits for the next one.</summary>
    public void Dispose()
    {
        foreach (AtomicTree tree in open)
        {
            tree.Leave();
        }
        open = [];
    }
}
