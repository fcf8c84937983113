namespace Ferry.Server.Storage;

/// <summary>The space that one file was promised and has not used yet; what is left is given back when it is disposed.</summary>
internal sealed class SpacePromise : IDisposable
{
    private readonly SpaceBudget budget;
    private readonly FerryPath name;
    private long unused;

    public SpacePromise(SpaceBudget budget, FerryPath name)
    {
        this.budget = budget;
        this.name = name;
    }

    /// <summary>Asks for more.</summary>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.NoSpace"/>.</exception>
    public void Ask(long bytes)
    {
        budget.Promise(bytes, name);
        unused += bytes;
    }

    /// <summary>Says that so many of the promised bytes are occupied now, or all that were left.</summary>
    public void Use(long bytes)
    {
        bytes = Math.Min(bytes, unused);
        budget.Use(bytes);
        unused -= bytes;
    }

    public void Dispose()
    {
        budget.GiveBack(unused);
        unused = 0;
    }
}
