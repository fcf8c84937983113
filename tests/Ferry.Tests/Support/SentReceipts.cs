using System.Text.Json;

namespace Ferry.Tests.Support;

/// <summary>The receipts that <c>ferry send --json</c> wrote.</summary>
internal sealed class SentReceipts
{
    private SentReceipts(IReadOnlyList<(string Name, string Kind, string Result, bool Replayed)> all) => All = all;

    public IReadOnlyList<(string Name, string Kind, string Result, bool Replayed)> All { get; }

    public int Count => All.Count;

    /// <summary>The names of those that come from an earlier connection.</summary>
    public IEnumerable<string> Replayed => All.Where(receipt => receipt.Replayed).Select(receipt => receipt.Name);

    public static SentReceipts Read(FerryResult result) => new([.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries)
        .Select(line => JsonDocument.Parse(line).RootElement)
        .Where(line => line.TryGetProperty("name", out _))
        .Select(line => (
            line.GetProperty("name").GetString()!,
            line.GetProperty("kind").GetString()!,
            line.GetProperty("result").GetString()!,
            line.GetProperty("replayed").GetBoolean()))]);
}
