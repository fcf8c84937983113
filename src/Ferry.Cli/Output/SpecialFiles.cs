namespace Ferry.Cli.Output;

/// <summary>The symbolic links, sockets, FIFOs and devices that were met and not sent: the first ten by name, then a count of each kind.</summary>
internal sealed class SpecialFiles
{
    private const int MostNames = 10;

    private readonly SortedDictionary<string, int> kinds = new(StringComparer.Ordinal);
    private int names;

    public void Add(Receipt receipt)
    {
        string reason = receipt.Reason ?? "";
        kinds[reason] = kinds.GetValueOrDefault(reason) + 1;
        if (names++ < MostNames)
        {
            Messages.Write($"not sent: {receipt.Name}: {reason}");
        }
    }

    /// <summary>Says how many of each kind there were, when there were any.</summary>
    public void WriteCounts()
    {
        foreach ((string reason, int count) in kinds)
        {
            Messages.Write($"not sent: {count} in all: {reason}");
        }
    }
}
