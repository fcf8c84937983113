using System.Formats.Cbor;
using Ferry.Wire;

namespace Ferry.Tests.Support;

/// <summary>Speaks the native protocol by hand, as truthfully as a test wants: client or server.</summary>
internal sealed class ScriptedPeer(Stream stream) : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private readonly FrameReader reader = new(stream, Patience);
    private bool hasReadPreface;

    public static Greeting Truthful { get; } = new()
    {
        Versions = [Greeting.CurrentVersion],
        Capabilities = [Greeting.Store],
        Hashes = ContentHash.Algorithms,
        Level = Durability.Received,
        StallTimeout = TimeSpan.FromSeconds(60),
    };

    /// <summary>A map with the given keys and small integer values: for fields that nobody knows.</summary>
    public static byte[] Map(params (int Key, int Value)[] fields)
    {
        var cbor = new CborWriter();
        cbor.WriteStartMap(fields.Length);
        foreach ((int key, int value) in fields)
        {
            cbor.WriteInt32(key);
            cbor.WriteInt32(value);
        }
        cbor.WriteEndMap();
        return cbor.Encode();
    }

    public static byte[] Encode<TMessage>(TMessage message)
        where TMessage : IMessage
    {
        var cbor = new CborWriter(CborConformanceMode.Lax, convertIndefiniteLengthEncodings: true);
        message.Write(cbor);
        return cbor.Encode();
    }

    public static byte[] Frame(FrameType type, uint entry, byte[] payload)
    {
        byte[] frame = new byte[FrameHeader.Size + payload.Length];
        new FrameHeader(type, entry, payload.Length).Write(frame);
        payload.CopyTo(frame, FrameHeader.Size);
        return frame;
    }

    /// <summary>The frames of a whole small file. Many of them sent at once arrive in batches.</summary>
    public static byte[] FileFrames(uint entry, FerryPath name, byte[] content) =>
    [
        .. Frame(FrameType.Offer, entry, Encode(new Offer(EntryKind.File, name, content.Length, default, null))),
        .. Frame(FrameType.Content, entry, content),
        .. Frame(FrameType.End, entry, Encode(End.OfFile(content.Length, System.IO.Hashing.XxHash128.Hash(content)))),
    ];

    /// <summary>The headers of all frames behind a preface.</summary>
    public static List<FrameHeader> HeadersIn(ReadOnlySpan<byte> bytes)
    {
        List<FrameHeader> headers = [];
        for (bytes = bytes[Preface.Bytes.Length..]; !bytes.IsEmpty; bytes = bytes[(FrameHeader.Size + headers[^1].Length)..])
        {
            headers.Add(FrameHeader.Read(bytes));
        }
        return headers;
    }

    public async Task SendAsync(byte[] bytes) => await stream.WriteAsync(bytes);

    public Task SendAsync(FrameType type, uint entry, byte[] payload) => SendAsync(Frame(type, entry, payload));

    public Task SendAsync<TMessage>(uint entry, TMessage message)
        where TMessage : IMessage => SendAsync(TMessage.Type, entry, Encode(message));

    public Task OfferAsync(uint entry, FerryPath name, long? size = null, EntryKind kind = EntryKind.File) =>
        SendAsync(entry, new Offer(kind, name, size, default, null));

    public Task ContentAsync(uint entry, byte[] content) => SendAsync(FrameType.Content, entry, content);

    public Task EndAsync(uint entry, byte[] content) => SendAsync(entry, End.OfFile(content.Length, System.IO.Hashing.XxHash128.Hash(content)));

    /// <summary>The receipts of so many entries, by their numbers.</summary>
    public async Task<Dictionary<uint, ReceiptMessage>> ReadReceiptsAsync(int count)
    {
        Dictionary<uint, ReceiptMessage> receipts = [];
        for (int i = 0; i < count; i++)
        {
            (uint entry, byte[] payload) = await ReadAsync(FrameType.Receipt);
            receipts.Add(entry, ReceiptMessage.Read(reader.Cbor, payload));
        }
        return receipts;
    }

    /// <summary>A whole small file.</summary>
    public async Task FileAsync(uint entry, FerryPath name, byte[] content)
    {
        await OfferAsync(entry, name, content.Length);
        await ContentAsync(entry, content);
        await EndAsync(entry, content);
    }

    /// <summary>The client's greeting, then the server's.</summary>
    public async Task GreetFirstAsync(Greeting? greeting = null)
    {
        await SendAsync([.. Preface.Bytes, .. Frame(FrameType.Greeting, 0, Encode(greeting ?? Truthful))]);
        await ReadPrefaceAsync();
        await ReadAsync(FrameType.Greeting);
    }

    /// <summary>The server's side of it.</summary>
    public async Task GreetSecondAsync(Greeting? greeting = null)
    {
        await ReadPrefaceAsync();
        await ReadAsync(FrameType.Greeting);
        await SendAsync([.. Preface.Bytes, .. Frame(FrameType.Greeting, 0, Encode(greeting ?? Truthful))]);
    }

    public async Task ReadPrefaceAsync()
    {
        byte[] preface = new byte[Preface.Bytes.Length];
        await reader.ReadExactlyAsync(preface, CancellationToken.None);
        hasReadPreface = Preface.Bytes.SequenceEqual(preface) ? true : throw new InvalidOperationException("that is no preface");
    }

    /// <summary>The next frame of the type; signs of life are passed over.</summary>
    public async Task<(uint Entry, byte[] Payload)> ReadAsync(FrameType type)
    {
        while (true)
        {
            Frame frame = await reader.ReadAsync(CancellationToken.None);
            if (frame.Type == type)
            {
                return (frame.Entry, frame.Payload.ToArray());
            }
            if (frame.Type == FrameType.Failure)
            {
                throw new InvalidOperationException($"expected {type}, got failure: {Failure.Read(reader.Cbor, frame.Payload)}");
            }
            if (frame.Type is not FrameType.Alive and not FrameType.Content)
            {
                throw new InvalidOperationException($"expected {type}, got {frame.Type}");
            }
        }
    }

    public async Task<ReceiptMessage> ReadReceiptAsync() => ReceiptMessage.Read(reader.Cbor, (await ReadAsync(FrameType.Receipt)).Payload);

    /// <summary>Why the other side gives the connection up. What it says before that is passed over.</summary>
    public async Task<Failure> ReadFailureAsync()
    {
        if (!hasReadPreface)
        {
            await ReadPrefaceAsync();
        }
        while (true)
        {
            Frame frame = await reader.ReadAsync(CancellationToken.None);
            if (frame.Type == FrameType.Failure)
            {
                return Failure.Read(reader.Cbor, frame.Payload);
            }
        }
    }

    public void Dispose() => reader.Dispose();
}
