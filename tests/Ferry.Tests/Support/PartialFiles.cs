using Ferry.Server.Storage;

namespace Ferry.Tests.Support;

/// <summary>What lies in a served directory's <c>.ferry/partials</c>.</summary>
internal static class PartialFiles
{
    /// <summary>The files there: each part, and its record.</summary>
    public static string[] In(ServedDirectory served) => Directory.Exists(served[".ferry/partials"])
        ? [.. Directory.EnumerateFiles(served[".ferry/partials"], "*", SearchOption.AllDirectories).Order(StringComparer.Ordinal)]
        : [];

    /// <summary>The parts alone.</summary>
    public static string[] DataIn(ServedDirectory served) => [.. In(served).Where(path => !path.EndsWith(".record", StringComparison.Ordinal))];

    /// <summary>Puts a part there, as a server leaves one that has died.</summary>
    public static void Plant(string root, uint user, FerryPath name, ReadOnlySpan<byte> held, long size)
    {
        const UnixFileMode OwnerOnly = UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute;
        string folder = Directory.CreateDirectory(Path.Combine(root, ".ferry", "partials", $"{user}"), OwnerOnly).FullName;
        for (string directory = folder; directory != root; directory = Path.GetDirectoryName(directory)!)
        {
            File.SetUnixFileMode(directory, OwnerOnly);
        }
        int number = Directory.GetFiles(folder).Length / 2 + 1;
        File.WriteAllBytes(Path.Combine(folder, $"{number}"), held);
        File.WriteAllBytes(Path.Combine(folder, $"{number}.record"), new PartialRecord(user, name, size, null, ContentHash.XxHash, DateTimeOffset.UtcNow).ToBytes());
    }

    /// <summary>Returns when a file that arrives has so many bytes.</summary>
    public static async Task WaitForLengthAsync(ServedDirectory served, long bytes)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
        while (!Array.Exists([.. DataIn(served), .. served.Staged], path => File.Exists(path) && new FileInfo(path).Length >= bytes))
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
