using System.Net.Sockets;
using System.Text;
using Ferry.Server;
using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>What truthful peers say to each other: where the fuzzer begins.</summary>
internal static class Recording
{
    private const int WholeAtOnce = 0;

    private static readonly Greeting Client = new()
    {
        Versions = [Greeting.CurrentVersion],
        StallTimeout = TimeSpan.FromSeconds(60),
        Hashes = ContentHash.Algorithms,
        Software = Greeting.OurSoftware,
    };

    /// <summary>Seeds for the server.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> OfClients()
    {
        using var sources = new SourceFiles();
        byte[] conversation = Converse(sources).Client;
        yield return ("conversation", [WholeAtOnce, .. conversation]);
        yield return ("conversation-in-pieces", [2, .. conversation]);
        foreach (string name in new[] { "a", "file", "link", "link/a", "directory", "directory/a", "file/a", ".ferry/a", "../a", "" })
        {
            yield return ($"name-{name.Replace('/', '_')}", Say(writer => File(writer, 1, name, "content")));
        }
        yield return ("number", [0x30, .. Say(writer => File(writer, 1, "file", "content"))[1..]]);
        yield return ("keep", [0x10, .. Say(writer => File(writer, 1, "file", "content"))[1..]]);
        yield return ("sha256", Say(writer => File(writer, 1, "a", "content", ContentHash.Sha256), Client with { Hashes = [ContentHash.Sha256] }));
        yield return ("unknown-size", Say(writer =>
        {
            writer.Add(1, new Offer(EntryKind.File, "a", null, default, Durability.Received));
            writer.AddFile(2, new Offer(EntryKind.File, "b", 0, default, null), [], End.OfFile(0, ContentHash.Of(ContentHash.XxHash, [])));
            writer.Add(1, End.GivenUp(FerryErrorCode.SourceChanged, "it changed"));
        }));
        yield return ("tree", Say(writer =>
        {
            writer.Add(1, new Offer(EntryKind.Directory, "d", null, new EntryMetadata(0x1FF, new FileTime(1, 2)), Durability.Durable));
            for (uint entry = 2; entry < 8; entry++)
            {
                File(writer, entry, $"d/{entry % 3}", new string('x', (int)entry));
            }
            writer.Add(1, End.WithoutContent);
            writer.Add(0, new Alive());
        }));
    }

    /// <summary>Seeds for deliveries with a key and for directories that arrive whole.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> OfDeliveries()
    {
        yield return ("key", Say(WithKey));
        yield return ("key-again", Say(writer =>
        {
            WithKey(writer);
            writer.Add(0, new DeliveryKey("key"u8.ToArray()));
            Sourced(writer, 9, "a", 0);
        }));
        foreach (string name in new[] { "whole", "directory" })
        {
            yield return ($"atomic-{name}", Say(writer =>
            {
                writer.Add(1, new Offer(EntryKind.Directory, name, null, new EntryMetadata(0x1ED, null), null, Atomic: true));
                File(writer, 2, $"{name}/a", "content");
                writer.Add(3, new Offer(EntryKind.Directory, $"{name}/b", null, default, null));
                writer.Add(3, End.WithoutContent);
                writer.Add(1, End.WithoutContent);
            }));
        }
    }

    /// <summary>A delivery with a key: files, and a directory.</summary>
    private static void WithKey(FrameWriter writer)
    {
        writer.Add(0, new DeliveryKey("key"u8.ToArray()));
        Sourced(writer, 1, "a", 0);
        writer.Add(2, new Offer(EntryKind.Directory, "d", null, default, null) { Source = 1 });
        Sourced(writer, 3, "d/b", 1);
        writer.Add(2, End.WithoutContent);
    }

    private static void Sourced(FrameWriter writer, uint entry, FerryPath name, long source)
    {
        byte[] content = "content"u8.ToArray();
        var offer = new Offer(EntryKind.File, name, content.Length, new EntryMetadata(0x1A4, new FileTime(1_700_000_000, 0)), null) { Source = source };
        writer.AddFile(entry, offer, content, End.OfFile(content.Length, ContentHash.Of(ContentHash.XxHash, content)));
    }

    /// <summary>Seeds for the client.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> OfServers(SourceFiles sources)
    {
        byte[] conversation = Converse(sources).Server;
        yield return ("conversation", [WholeAtOnce, .. conversation]);
        yield return ("conversation-in-pieces", [2, .. conversation]);
        Greeting server = Client with { Capabilities = [Greeting.Store], Level = Durability.Durable };
        yield return ("refused", Say(writer => writer.Add(1, Refusal(FerryErrorCode.NoSpace)), server));
        yield return ("failed", Say(writer => writer.Add(0, new Failure(FerryErrorCode.Stopping, "the server is stopping")), server));
        yield return ("not-allowed", [WholeAtOnce, .. Preface.Bytes, .. Say(writer => writer.Add(0, new Failure(FerryErrorCode.NotAllowed, "no")), server)[^20..]]);
        yield return ("small-limits", Say(
            writer =>
            {
                writer.Add(2, new Go());
                writer.Add(3, Refusal(FerryErrorCode.Exists));
                writer.Add(1, Refusal(FerryErrorCode.BadName));
            },
            server with { Limits = new ProtocolLimits(1024, 100, 100, 3, 1, 0, 0, 1000), Hashes = [ContentHash.Sha256] }));
    }

    private static ReceiptMessage Refusal(FerryErrorCode code) =>
        ReceiptMessage.From(new Receipt { Name = "a", Result = code.Result(), Code = code, Reason = "a reason" }, "a");

    private static void File(FrameWriter writer, uint entry, FerryPath name, string text, string algorithm = ContentHash.XxHash)
    {
        byte[] content = Encoding.UTF8.GetBytes(text);
        var offer = new Offer(EntryKind.File, name, content.Length, new EntryMetadata(0x1A4, new FileTime(1_700_000_000, 0)), null);
        writer.AddFile(entry, offer, content, End.OfFile(content.Length, ContentHash.Of(algorithm, content)));
    }

    /// <summary>One side's words from preface to finish.</summary>
    private static byte[] Say(Action<FrameWriter> say, Greeting? greeting = null)
    {
        using var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, Timeout.InfiniteTimeSpan);
        writer.AddPreface();
        writer.Add(0, greeting ?? Client);
        say(writer);
        writer.Add(0, new Finish());
        writer.FlushAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
        return [WholeAtOnce, .. stream.ToArray()];
    }

    /// <summary>A real client and a real session.</summary>
    private static (byte[] Client, byte[] Server) Converse(SourceFiles sources)
    {
        using var sockets = new LocalSockets();
        using var store = new ScratchStore(ExistingFiles.Replace);
        (Socket client, Socket server) = sockets.Connect();
        using var heardByServer = new ListeningStream(server);
        using var heardByClient = new ListeningStream(client);
        Task session = NativeSession.RunAsync(heardByServer, store.Begin());
        Task.Run(() => SendAsync(heardByClient, sources)).GetAwaiter().GetResult();
        session.GetAwaiter().GetResult();
        store.End();
        return (heardByServer.Heard, heardByClient.Heard);
    }

    private static async Task SendAsync(Stream stream, SourceFiles sources)
    {
        await using FerryClient client = await FerryClient.OpenAsync(stream, new FerryClientOptions(), CancellationToken.None);
        await foreach (Receipt _ in client.SendManyAsync([sources.Tree]))
        {
        }
        await client.SendAsync(new MemoryStream(new byte[100]), "stream");
    }

    /// <summary>Remembers what it reads.</summary>
    private sealed class ListeningStream(Socket socket) : NetworkStream(socket, ownsSocket: true)
    {
        private readonly MemoryStream heard = new();

        public byte[] Heard => heard.ToArray();

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            int count = await base.ReadAsync(buffer, cancellationToken);
            heard.Write(buffer.Span[..count]);
            return count;
        }
    }
}
