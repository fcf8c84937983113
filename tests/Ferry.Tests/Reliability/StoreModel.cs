using Ferry.Server;

namespace Ferry.Tests.Reliability;

/// <summary>What must be visible in a store, as plain as it can be said: names, and what stands under them. Knows nothing of staging, descriptors or crashes.</summary>
internal sealed class StoreModel(ExistingFiles existing)
{
    private readonly SortedDictionary<string, byte[]?> visible = new(StringComparer.Ordinal);

    /// <summary>Names with their content; null for a directory.</summary>
    public IReadOnlyDictionary<string, byte[]?> Visible => visible;

    /// <summary>A file is offered: the directories above it are made, and what stands there may keep it out.</summary>
    /// <returns>Why it is refused; null when it is not.</returns>
    public FerryErrorCode? Offer(string name) => MakeAbove(name) ?? WhyNot(name);

    /// <summary>A file with all its content is published.</summary>
    /// <returns>The name it is stored under, or why it is not.</returns>
    public (string? Stored, FerryErrorCode? Refusal) Publish(string name, byte[] content)
    {
        if ((MakeAbove(name) ?? WhyNot(name)) is { } refusal)
        {
            return (null, refusal);
        }
        string stored = NameFor(name);
        visible[stored] = content;
        return (stored, null);
    }

    /// <summary>A directory is offered that is to arrive whole.</summary>
    /// <returns>Why it is refused; null when it is not.</returns>
    public FerryErrorCode? OfferTree(string name) => MakeAbove(name) ?? WhyNotTree(name);

    /// <summary>It is published, with the same content in each of its files, in the place of all that stood under its name.</summary>
    /// <returns>The name it is stored under, or why it is not.</returns>
    public (string? Stored, FerryErrorCode? Refusal) PublishTree(string name, IEnumerable<string> files, byte[] content)
    {
        if (OfferTree(name) is { } refusal)
        {
            return (null, refusal);
        }
        string stored = NameFor(name);
        foreach (string old in visible.Keys.Where(other => other.StartsWith(stored + "/", StringComparison.Ordinal)).ToList())
        {
            visible.Remove(old);
        }
        visible[stored] = null;
        foreach (string file in files)
        {
            MakeAbove($"{stored}/{file}");
            visible[$"{stored}/{file}"] = content;
        }
        return (stored, null);
    }

    public FerryErrorCode? MakeDirectory(string name)
    {
        if (MakeAbove(name) is { } refusal)
        {
            return refusal;
        }
        visible.TryAdd(name, null);
        return visible[name] is null ? null : FerryErrorCode.NotDirectory;
    }

    /// <summary>Somebody takes a file away.</summary>
    /// <returns>False when there is none.</returns>
    public bool TakeAway(string name) => visible.TryGetValue(name, out byte[]? content) && content is not null && visible.Remove(name);

    private FerryErrorCode? WhyNot(string name) => !visible.TryGetValue(name, out byte[]? content) ? null
        : content is null ? FerryErrorCode.IsDirectory
        : existing is ExistingFiles.Keep or ExistingFiles.Refuse ? FerryErrorCode.Exists
        : null;

    private FerryErrorCode? WhyNotTree(string name) => !visible.TryGetValue(name, out byte[]? content) ? null
        : content is not null ? FerryErrorCode.NotDirectory
        : existing is ExistingFiles.Keep or ExistingFiles.Refuse ? FerryErrorCode.Exists
        : null;

    private string NameFor(string name)
    {
        string free = name;
        for (int number = 1; existing == ExistingFiles.Number && visible.ContainsKey(free); number++)
        {
            free = $"{name}.{number}";
        }
        return free;
    }

    /// <summary>All or nothing: a file on the way refuses before anything is made, because what is missing lies below what is there.</summary>
    private FerryErrorCode? MakeAbove(string name)
    {
        for (int slash = name.IndexOf('/', StringComparison.Ordinal); slash >= 0; slash = name.IndexOf('/', slash + 1))
        {
            visible.TryAdd(name[..slash], null);
            if (visible[name[..slash]] is not null)
            {
                return FerryErrorCode.NotDirectory;
            }
        }
        return null;
    }
}
