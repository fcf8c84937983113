using System.Text.Json;

namespace Ferry.Cli.Demo;

/// <summary>One line of the demo's table, made from a command's receipts.</summary>
internal sealed record DemoRow(string Name, long Size, TimeSpan Time, string Hash, string Level, Comparison Compared, int ExitCode)
{
    private const int ShownDigits = 10, ShownCharacters = 40;

    public bool IsGood => ExitCode == 0 && Compared.Difference is null;

    /// <param name="source">What was sent.</param>
    /// <param name="native">By which protocol.</param>
    /// <param name="exitCode">The command's exit code.</param>
    /// <param name="time">The command's time.</param>
    /// <param name="receipts">Its receipts as JSON lines.</param>
    /// <param name="compared">What comparing found.</param>
    public static DemoRow From(string source, bool native, int exitCode, TimeSpan time, IReadOnlyList<string> receipts, Comparison compared)
    {
        long size = 0;
        int files = 0;
        string hash = "", level = "";
        foreach (string line in receipts)
        {
            using JsonDocument document = JsonDocument.Parse(line);
            JsonElement receipt = document.RootElement;
            if (receipt.TryGetProperty("result", out JsonElement result) && result.ValueEquals("stored") && receipt.GetProperty("kind").ValueEquals("file"))
            {
                files++;
                size += receipt.GetProperty("size").GetInt64();
                hash = receipt.GetProperty("hash").GetString() ?? "";
                level = receipt.GetProperty("level").GetString() ?? "";
            }
        }
        bool tree = Directory.Exists(source);
        string name = EscapedText.FromString(Path.GetFileName(source.TrimEnd('/')));
        name = name.Length > ShownCharacters ? name[..ShownCharacters] + "…" : name;
        return new DemoRow(
            tree ? $"{name}/, {files} files" : native ? name : $"{name}, plain", size, time, tree ? "one for each" : Shorten(hash), level, compared, exitCode);
    }

    private static string Shorten(string hash)
    {
        int digits = hash.IndexOf(':') + 1;
        return hash.Length - digits > ShownDigits ? hash[..(digits + ShownDigits)] + "…" : hash;
    }
}
