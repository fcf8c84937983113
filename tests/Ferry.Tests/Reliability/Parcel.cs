using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Reliability;

/// <summary>
/// A small delivery that has a bit of everything: new files, one that replaces another, one below a directory, an empty one, and one whose size nobody knows
/// beforehand, which waits for its go. Each is sent into a directory of its own.
/// </summary>
internal sealed class Parcel(ServedDirectory served)
{
    private const string Streamed = "streamed";

    private static readonly Dictionary<string, byte[]> Files = new()
    {
        ["parcel/new"] = "new content"u8.ToArray(),
        ["parcel/old"] = "content that replaces"u8.ToArray(),
        ["parcel/below/inside"] = "inside"u8.ToArray(),
        ["parcel/empty"] = [],
        [Streamed] = "of a size that shows at the end"u8.ToArray(),
    };

    private static readonly byte[] Replaced = "old"u8.ToArray();

    /// <summary>The tree without what is streamed: what a command sends.</summary>
    public string Tree
    {
        get
        {
            string tree = Path.Combine(served.Sources, "parcel");
            foreach ((string name, byte[] content) in Files.Where(file => file.Key != Streamed && !Directory.Exists(tree)).ToList())
            {
                Write(Path.Combine(served.Sources, name), content);
            }
            return tree;
        }
    }

    /// <summary>Has the file that is replaced stand in the directory that a delivery goes into.</summary>
    public void Prepare(string into) => Write(served[$"{into}/parcel/old"], Replaced);

    /// <summary>Delivers through the library, over a connection of its own.</summary>
    /// <param name="socket">Where to.</param>
    /// <param name="into">The directory it goes into.</param>
    /// <param name="options">As for the client.</param>
    /// <param name="streams">Whether the file of unknown size is among it; a stream is read once and cannot be sent again.</param>
    /// <returns>The receipts that came, and how the connection failed.</returns>
    public async Task<(List<Receipt> Receipts, FerryException? Failure)> DeliverAsync(
        string socket, string into, FerryClientOptions? options = null, bool streams = true)
    {
        List<Receipt> receipts = [];
        var send = new SendOptions { Into = into };
        try
        {
            await using FerryClient client = await FerryClient.ConnectAsync(socket, options);
            await foreach (Receipt receipt in client.SendManyAsync([Tree], send))
            {
                receipts.Add(receipt);
            }
            if (streams)
            {
                receipts.Add(await client.SendAsync(new MemoryStream(Files[Streamed]), Streamed, send));
            }
            return (receipts, null);
        }
        catch (FerryException e)
        {
            return (receipts, e);
        }
    }

    /// <summary>Every receipt tells the truth, and what is visible without one is whole as well.</summary>
    public void AssertHonest(string into, IEnumerable<Receipt> receipts)
    {
        foreach (Receipt receipt in receipts.Where(receipt => receipt.Result == ReceiptResult.Stored))
        {
            AssertThere(into, receipt.Name.ToString(), receipt.Kind == EntryKind.Directory);
        }
        AssertWhole(into);
    }

    /// <summary>The same for the lines that a command wrote with --json.</summary>
    public void AssertHonest(string into, FerryResult sent)
    {
        foreach (JsonElement line in sent.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement))
        {
            if (line.TryGetProperty("result", out JsonElement result) && result.GetString() == "stored")
            {
                AssertThere(into, line.GetProperty("name").GetString()!, line.GetProperty("kind").GetString() == "directory");
            }
        }
        AssertWhole(into);
    }

    /// <summary>Everything is there, and nothing twice.</summary>
    public void AssertArrived(string into, bool streamed)
    {
        string[] visible = [.. Visible(into).Order(StringComparer.Ordinal)];
        Assert.Equal(Files.Keys.Where(name => streamed || name != Streamed).Order(StringComparer.Ordinal), visible);
        foreach (string name in visible)
        {
            Assert.Equal(Files[name], File.ReadAllBytes(served[$"{into}/{name}"]));
        }
    }

    private static void Write(string path, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, content);
    }

    private void AssertThere(string into, string name, bool isDirectory)
    {
        if (isDirectory)
        {
            Assert.True(Directory.Exists(served[name]), $"{name} has a receipt and is no directory");
            return;
        }
        Assert.Equal(Files[name[(into.Length + 1)..]], File.ReadAllBytes(served[name]));
    }

    private void AssertWhole(string into)
    {
        foreach (string name in Visible(into))
        {
            byte[] content = File.ReadAllBytes(served[$"{into}/{name}"]);
            bool isOld = name == "parcel/old" && content.AsSpan().SequenceEqual(Replaced);
            Assert.True(isOld || Files[name].AsSpan().SequenceEqual(content), $"{into}/{name} holds {content.Length} bytes that nobody sent");
        }
    }

    private IEnumerable<string> Visible(string into) => Directory.Exists(served[into])
        ? Directory.EnumerateFiles(served[into], "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(served[into], path))
        : [];
}
