namespace Ferry.Fuzz;

/// <summary>What the client under test sends: a tree with a file of each kind that matters.</summary>
internal sealed class SourceFiles : IDisposable
{
    private readonly string directory = Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"ferry-fuzz-{Guid.NewGuid():N}");

    public SourceFiles()
    {
        string tree = Path.Combine(directory, "tree");
        Directory.CreateDirectory(Path.Combine(tree, "below"));
        foreach ((FerryPath name, long size) in Sizes)
        {
            File.WriteAllBytes(Path.Combine(directory, name.ToString()), new byte[size]);
        }
        Tree = tree;
    }

    /// <summary>The names that the files arrive under, and their sizes: the last is too large to follow its offer.</summary>
    public IReadOnlyDictionary<FerryPath, long> Sizes { get; } = new Dictionary<FerryPath, long>
    {
        ["tree/empty"] = 0,
        ["tree/below/small"] = 10,
        ["tree/large"] = 70_000,
    };

    public FerryPath Tree { get; }

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
