using System.IO.Hashing;

namespace Ferry.Tests.Survival;

/// <summary>What stands under a name, in a few characters: of a file size and hash, of a directory its files with theirs. Nothing is null.</summary>
internal static class Fingerprint
{
    public static string OfContent(ReadOnlySpan<byte> content) => $"{content.Length}:{Convert.ToHexStringLower(XxHash128.Hash(content))}";

    public static string OfTree(IEnumerable<(string Name, byte[] Content)> files) => Tree(files.Select(file => (file.Name, OfContent(file.Content))));

    public static string? OfPath(string path)
    {
        if (File.Exists(path))
        {
            return OfContent(File.ReadAllBytes(path));
        }
        return Directory.Exists(path)
            ? Tree(Directory.GetFiles(path, "*", SearchOption.AllDirectories).Select(file => (Path.GetRelativePath(path, file), OfContent(File.ReadAllBytes(file)))))
            : null;
    }

    private static string Tree(IEnumerable<(string Name, string Content)> files) =>
        string.Join('\n', files.OrderBy(file => file.Name, StringComparer.Ordinal).Select(file => $"{file.Name} {file.Content}"));
}
