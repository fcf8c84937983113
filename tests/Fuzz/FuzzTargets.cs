namespace Ferry.Fuzz;

/// <summary>Every place where bytes come in that somebody else has written. Records of partial files belong here as soon as there are any.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyDictionary<string, Func<FuzzTarget>> All { get; } = new SortedDictionary<string, Func<FuzzTarget>>
    {
        ["client"] = () => new ClientTarget(),
        ["journal"] = () => new JournalTarget(),
        ["names"] = () => new NamesTarget(),
        ["plain-client"] = () => new PlainClientTarget(),
        ["plain-server"] = () => new PlainServerTarget(),
        ["server"] = () => new ServerTarget(),
    };
}
