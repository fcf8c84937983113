using Ferry.Server;

namespace Ferry.Fuzz;

/// <summary>A store for each way to treat existing files.</summary>
internal sealed class ScratchStores : IDisposable
{
    private readonly Dictionary<ExistingFiles, ScratchStore> stores = [];

    public ScratchStore For(ExistingFiles existing)
    {
        if (!stores.TryGetValue(existing, out ScratchStore? store))
        {
            store = new ScratchStore(existing);
            stores.Add(existing, store);
        }
        return store;
    }

    public void Dispose()
    {
        foreach (ScratchStore store in stores.Values)
        {
            store.Dispose();
        }
    }
}
