using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>What the client under test sends: a tree with a file of each kind that matters, and a file that can be gone on with.</summary>
internal sealed class SourceFiles : IDisposable
{
    /// <summary>Just large enough to be resumed.</summary>
    public const long LargeSize = ProtocolLimits.LeastResumableBytes;

    private readonly string directory = ScratchStore.NewPath();

    public SourceFiles()
    {
        string tree = Path.Combine(directory, "tree");
        Directory.CreateDirectory(Path.Combine(tree, "below"));
        foreach ((FerryPath name, long size) in Sizes)
        {
            File.WriteAllBytes(Path.Combine(directory, name.ToString()), new byte[size]);
        }
        Tree = tree;
        string large = Path.Combine(directory, "large");
        using FileStream file = File.Create(large);
        file.SetLength(LargeSize);
        Large = large;
    }

    /// <summary>The names that the files arrive under, and their sizes: the last is too large to follow its offer.</summary>
    public IReadOnlyDictionary<FerryPath, long> Sizes { get; } = new Dictionary<FerryPath, long>
    {
        ["tree/empty"] = 0,
        ["tree/below/small"] = 10,
        ["tree/large"] = 70_000,
    };

    public FerryPath Tree { get; }

    /// <summary>A file of zeros.</summary>
    public FerryPath Large { get; }

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
