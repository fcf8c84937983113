using System.Globalization;

namespace Ferry.Soak;

/// <summary>
/// What is sent. A name says what content belongs under it, so that whatever is found can be checked: <c>OFFSET-SIZE</c> of one large block of random bytes.
/// </summary>
internal sealed class Contents : IDisposable
{
    private const int BlockSize = 8 << 20;

    private readonly byte[] block = new byte[BlockSize];
    private readonly string directory;

    public Contents(string directory)
    {
        this.directory = directory;
        Directory.CreateDirectory(directory);
        new Random(1).NextBytes(block);
    }

    /// <summary>A name with a random size: mostly small, some of a few megabytes, some empty.</summary>
    public static string NewName()
    {
        int most = Random.Shared.Next(10) switch { 0 => 0, < 7 => 20_000, < 9 => 300_000, _ => 3_000_000 };
        int size = Random.Shared.Next(most + 1);
        return $"{Random.Shared.Next(BlockSize - size)}-{size}";
    }

    public ReadOnlyMemory<byte> Of(string name)
    {
        string[] numbers = name.Split('-');
        return block.AsMemory(int.Parse(numbers[0], CultureInfo.InvariantCulture), int.Parse(numbers[1], CultureInfo.InvariantCulture));
    }

    /// <summary>A directory with files of such names.</summary>
    public string MakeTree(string name, int files)
    {
        string tree = Path.Combine(directory, name);
        Directory.CreateDirectory(tree);
        for (int i = 0; i < files; i++)
        {
            string file = NewName();
            File.WriteAllBytes(Path.Combine(tree, file), Of(file).Span);
        }
        return tree;
    }

    public void Dispose() => Directory.Delete(directory, recursive: true);
}
