using System.Net.Sockets;
using System.Text;
using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>What truthful peers say to each other: where the fuzzer begins.</summary>
internal static class Recording
{
    private const int WholeAtOnce = 0;

    /// <summary>For the server; for the client it is 0.</summary>
    private const int FrameByFrame = 6;

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

    /// <summary>Seeds for files of which a part is kept, and is there already in <see cref="ScratchStore"/>.</summary>
    public static IEnumerable<(string Name, byte[] Bytes)> OfResumedFiles()
    {
        Greeting client = Client with { Capabilities = [Greeting.Resume] };
        const long Held = ScratchStore.WholePart - ScratchStore.MissingFromPart;
        byte[] rest = new byte[ScratchStore.MissingFromPart];
        byte[] hash = ContentHash.Of(ContentHash.XxHash, new byte[ScratchStore.WholePart]);
        yield return Seed("goes-on", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            writer.Add(1, new From(Held));
            Content(writer, 1, rest);
            writer.Add(1, End.OfFile(ScratchStore.WholePart, hash));
        });
        yield return Seed("begins-anew", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            writer.Add(1, new From(0));
            Content(writer, 1, rest);
        });
        yield return Seed("given-up", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            writer.Add(1, End.GivenUp(FerryErrorCode.SourceChanged, "it changed"));
        });
        yield return Seed("other-hash", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            writer.Add(1, new From(Held));
            Content(writer, 1, rest);
            writer.Add(1, End.OfFile(ScratchStore.WholePart, new byte[hash.Length]));
        });
        yield return Seed("parked-again", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            writer.Add(1, new From(Held));
            Content(writer, 1, [1]);
        });
        yield return Seed("new-name", writer =>
        {
            Resume(writer, 1, "new");
            Content(writer, 1, rest);
            writer.Add(1, End.GivenUp(FerryErrorCode.GivenUp, "no more"));
        });
        yield return Seed("twice", writer =>
        {
            Resume(writer, 1, ScratchStore.Part);
            Resume(writer, 2, ScratchStore.Part);
            File(writer, 3, "other", "content");
            writer.Add(1, new From(Held));
            writer.Add(2, End.GivenUp(FerryErrorCode.GivenUp, "no more"));
        });
        yield return Seed("smaller", writer => Resume(writer, 1, ScratchStore.Part, size: ProtocolLimits.MaxInlineBytes + 1));

        (string, byte[]) Seed(string name, Action<FrameWriter> say) => ($"resume-{name}", [FrameByFrame, .. Say(say, client)[1..]]);
    }

    private static void Resume(FrameWriter writer, uint entry, FerryPath name, long size = ScratchStore.WholePart) =>
        writer.Add(entry, new Offer(EntryKind.File, name, size, new EntryMetadata(0x1A4, null), null) { Resume = true });

    private static void Content(FrameWriter writer, uint entry, byte[] content)
    {
        byte[] frame = new byte[FrameHeader.Size + content.Length];
        content.CopyTo(frame, FrameHeader.Size);
        writer.SendContentAsync(entry, frame, CancellationToken.None).AsTask().GetAwaiter().GetResult();
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
        foreach ((string name, long offset, byte[] hash) in OffsetsOfZeros())
        {
            byte[] says = Say(
                writer =>
                {
                    writer.Add(1, new Go(offset, hash));
                    writer.Add(1, ReceiptMessage.From(StoredLarge(), "large"));
                },
                server with { Capabilities = [Greeting.Store, Greeting.Resume] });
            yield return ($"resume-{name}", [ClientTarget.Large, .. says[1..]]);
        }
    }

    /// <summary>What a receiver may say that it holds of the large file.</summary>
    private static IEnumerable<(string Name, long Offset, byte[] Hash)> OffsetsOfZeros()
    {
        byte[] part = ContentHash.Of(ContentHash.XxHash, new byte[PartialFile.LeastKept]);
        yield return ("part", PartialFile.LeastKept, part);
        yield return ("whole", SourceFiles.LargeSize, ContentHash.Of(ContentHash.XxHash, new byte[SourceFiles.LargeSize]));
        yield return ("other", PartialFile.LeastKept, new byte[part.Length]);
        yield return ("beyond", SourceFiles.LargeSize + 1, part);
    }

    private static Receipt StoredLarge() => new()
    {
        Name = "large",
        Result = ReceiptResult.Stored,
        Size = SourceFiles.LargeSize,
        Hash = ContentHash.ToText(ContentHash.XxHash, ContentHash.Of(ContentHash.XxHash, new byte[SourceFiles.LargeSize])),
        Checked = HashCheck.Both,
        Level = Durability.Durable,
        How = TransferMethod.Streamed,
        ResumedFrom = PartialFile.LeastKept,
    };

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
