using System.Text.RegularExpressions;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Documents;

/// <summary>docs/protocol.md against the code: the same tags, and a worked exchange that is really exchanged.</summary>
public sealed partial class ProtocolPageTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void The_page_and_the_code_name_the_same_fields()
    {
        SortedSet<string> page = TagsIn(File.ReadAllText(Repository.PathOf("docs", "protocol.md")));
        SortedSet<string> code = [.. Directory.EnumerateFiles(Repository.PathOf("src", "Ferry", "Wire"), "*.cs").SelectMany(file => TagsIn(File.ReadAllText(file)))];

        Assert.Equal(page, code);
    }

    [Fact]
    public void The_page_lists_every_error_code_that_there_is()
    {
        string page = File.ReadAllText(Repository.PathOf("docs", "protocol.md"));

        Assert.All(Enum.GetValues<FerryErrorCode>(), code => Assert.Contains($"| `{code.WireName()}` |", page, StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_worked_exchange_is_what_goes_over_the_wire()
    {
        await using var pair = new NativePair(options => options.Durability = Durability.Received);
        string source = Path.Combine(pair.Sources, "hello");
        await File.WriteAllTextAsync(source, "hello\n", Cancel);
        File.SetUnixFileMode(source, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.GroupRead | UnixFileMode.OtherRead);
        File.SetLastWriteTimeUtc(source, DateTime.UnixEpoch.AddSeconds(1_700_000_000));
        var stream = new RecordingStream(pair.ClientStream);
        await using (FerryClient client = await FerryClient.OpenAsync(stream, new FerryClientOptions(), Cancel))
        {
            await client.SendAsync(source, cancellationToken: Cancel);
        }

        string page = File.ReadAllText(Repository.PathOf("docs", "protocol.md"));
        Assert.Equal(ToText("client", stream.Written), BytesIn(page, "client"));
        Assert.Equal(ToText("server", stream.BytesRead), BytesIn(page, "server"));
    }

    /// <summary>The preface and each frame on a line of its own.</summary>
    private static string ToText(string side, ReadOnlySpan<byte> bytes)
    {
        string text = $"{side} {Convert.ToHexString(bytes[..Preface.Bytes.Length])}";
        bytes = bytes[Preface.Bytes.Length..];
        while (!bytes.IsEmpty)
        {
            int length = FrameHeader.Size + FrameHeader.Read(bytes).Length;
            text += $"\n{side} {Convert.ToHexString(bytes[..length])}";
            bytes = bytes[length..];
        }
        return text;
    }

    /// <summary>One side's lines of the page's block; comments and spaces do not count, and indented lines go on the line before.</summary>
    private static string BytesIn(string page, string side)
    {
        string block = page.Split("```hex\n", 2)[1].Split("```", 2)[0];
        IEnumerable<string> lines = block.Split('\n').Select(line => line.Split('#')[0]).Where(line => line.Trim().Length > 0);
        string joined = string.Concat(lines.Select(line => (line[0] == ' ' ? "" : "\n") + line));
        return string.Join('\n', joined.Split('\n').Where(line => line.StartsWith(side, StringComparison.Ordinal))
            .Select(line => $"{side} {line[side.Length..].Replace(" ", "", StringComparison.Ordinal)}"));
    }

    private static SortedSet<string> TagsIn(string text) => new(Tag().Matches(text).Select(match => match.Value), StringComparer.Ordinal);

    [GeneratedRegex(@"\[(preface|frame|greeting|limits|offer|content|end|go|receipt|finish|alive|failure|proof|pass|from|delivery)(\.[a-z]+)?\]")]
    private static partial Regex Tag();
}
