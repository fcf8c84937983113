using System.Security.Cryptography;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>A tree over a link that is cut again and again arrives once, with one receipt for each entry, and modes and times as they were.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ManyCutsTests
{
    private static readonly DateTime Time = new(2020, 2, 3, 4, 5, 6, DateTimeKind.Utc);

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public async Task A_tree_that_is_cut_many_times_arrives_once(int seed)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        string tree = MakeTree(served.Sources);
        var random = new Random(seed);
        int progress = 0;
        // Some connections end before they are of any use, others after many receipts.
        await using var relay = new CuttingRelay(served.Socket, _ => ++progress > 40 ? null
            : random.Next(2) == 0
                ? new RelayCut(AfterFromClient: random.Next(200, progress % 5 == 0 ? 600_000 : 40_000))
                : new RelayCut(AfterFromServer: random.Next(100, 2_000)));

        FerryResult sent = await FerryProcess.RunAsync(
            new FerryCommand("send", tree, "--at", relay.Path, "--retry", "60", "--json") { Timeout = TimeSpan.FromMinutes(5) });

        Assert.True(sent.ExitCode == 0, sent.ToString());
        Assert.InRange(relay.Cuts, 10, 40);
        SentReceipts receipts = SentReceipts.Read(sent);
        Assert.All(receipts.All, receipt => Assert.Equal("stored", receipt.Result));
        Assert.Equal(Listing(tree), receipts.All.Select(receipt => receipt.Name).Order(StringComparer.Ordinal));
        Tool.Run("diff", "-r", tree, served["tree"]);
        AssertSame(tree, served["tree"]);
    }

    private static IEnumerable<string> Listing(string tree) =>
        Directory.EnumerateFileSystemEntries(tree, "*", SearchOption.AllDirectories).Append(tree)
            .Select(path => Path.GetRelativePath(Path.GetDirectoryName(tree)!, path)).Order(StringComparer.Ordinal);

    private static void AssertSame(string source, string stored)
    {
        foreach (string path in Directory.EnumerateFileSystemEntries(source, "*", SearchOption.AllDirectories).Append(source))
        {
            string other = Path.Combine(stored, Path.GetRelativePath(source, path));
            Assert.True(File.GetUnixFileMode(path) == File.GetUnixFileMode(other), $"{path} has mode {File.GetUnixFileMode(other)}");
            Assert.True(File.GetLastWriteTimeUtc(path) == File.GetLastWriteTimeUtc(other), $"{path} has time {File.GetLastWriteTimeUtc(other):O}");
        }
    }

    /// <summary>Four hundred small files in directories that nobody may write into, and large ones among them.</summary>
    private static string MakeTree(string parent)
    {
        string tree = Directory.CreateDirectory(Path.Combine(parent, "tree")).FullName;
        for (int d = 0; d < 20; d++)
        {
            string directory = Directory.CreateDirectory(Path.Combine(tree, $"d{d}", "sub", "deep")).FullName;
            for (int f = 0; f < 20; f++)
            {
                File.WriteAllBytes(Path.Combine(f % 2 == 0 ? directory : Path.Combine(tree, $"d{d}"), $"f{f}"), RandomNumberGenerator.GetBytes(50 * f));
            }
            File.WriteAllBytes(Path.Combine(directory, "large"), RandomNumberGenerator.GetBytes(70_000 + 20_000 * d));
        }
        foreach (string path in Directory.EnumerateFileSystemEntries(tree, "*", SearchOption.AllDirectories).Append(tree))
        {
            File.SetLastWriteTimeUtc(path, Time.AddSeconds(path.Length));
        }
        foreach (string directory in Directory.EnumerateDirectories(tree, "*", SearchOption.AllDirectories).OrderByDescending(path => path.Length))
        {
            File.SetUnixFileMode(directory, (UnixFileMode)Convert.ToInt32("555", 8));
        }
        return tree;
    }
}
