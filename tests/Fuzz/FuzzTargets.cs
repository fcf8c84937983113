namespace Ferry.Fuzz;

/// <summary>Every place where bytes come in that somebody else has written.</summary>
internal static class FuzzTargets
{
    public static IReadOnlyDictionary<string, Func<FuzzTarget>> All { get; } = new SortedDictionary<string, Func<FuzzTarget>>
    {
        ["client"] = () => new ClientTarget(),
        ["journal"] = () => new JournalTarget(),
        ["names"] = () => new NamesTarget(),
        ["partials"] = () => new PartialsTarget(),
        ["plain-client"] = () => new PlainClientTarget(),
        ["plain-server"] = () => new PlainServerTarget(),
        ["server"] = () => new ServerTarget(),
    };
}
