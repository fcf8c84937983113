using System.Formats.Cbor;
using System.Text;
using Ferry.Wire;

namespace Ferry.Tests.Support;

/// <summary>A receipt in the trace of a server.</summary>
/// <param name="Name">The name under which the entry is stored.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Result">What became of it.</param>
/// <param name="Level">How safely it is stored.</param>
/// <param name="Accepted">The call that accepted the connection.</param>
/// <param name="Sent">The call that sent its first byte.</param>
internal sealed record TracedReceipt(string Name, EntryKind Kind, ReceiptResult Result, Durability? Level, TracedCall Accepted, TracedCall Sent)
{
    private static readonly string[] Sending = ["sendto", "sendmsg", "write", "writev"];
    private static readonly string[] Receiving = ["recvfrom", "recvmsg", "read", "readv"];

    /// <summary>The receipts of all connections, read from the bytes that went through them.</summary>
    public static List<TracedReceipt> Read(IReadOnlyList<TracedCall> calls)
    {
        List<TracedReceipt> receipts = [];
        foreach (TracedCall accepted in calls.Where(call => call.Name == "accept4" && call.Opened is not null))
        {
            TracedCall[] own = [.. calls.Where(call => call.Path == accepted.Opened && call.Value > 0)];
            byte[] received = [.. own.Where(call => Receiving.Contains(call.Name) && !call.Arguments.Contains("MSG_PEEK", StringComparison.Ordinal)).SelectMany(Bytes)];
            TracedCall[] sent = [.. own.Where(call => Sending.Contains(call.Name))];
            if (received.Length > 0)
            {
                receipts.AddRange(received[0] == Preface.FirstByte ? Native(accepted, received, sent) : Plain(accepted, sent));
            }
        }
        return receipts;
    }

    private static IEnumerable<TracedReceipt> Native(TracedCall accepted, byte[] received, TracedCall[] sent)
    {
        CborReader cbor = MessageReader.NewCborReader();
        Dictionary<uint, Offer> offers = [];
        foreach ((FrameHeader header, _, ReadOnlyMemory<byte> payload) in Frames(received))
        {
            if (header.Type == FrameType.Offer)
            {
                offers[header.Entry] = Offer.Read(cbor, payload);
            }
        }
        foreach ((FrameHeader header, int start, ReadOnlyMemory<byte> payload) in Frames([.. sent.SelectMany(Bytes)]))
        {
            if (header.Type == FrameType.Receipt)
            {
                ReceiptMessage message = ReceiptMessage.Read(cbor, payload);
                Offer offer = offers[header.Entry];
                yield return new((message.Name ?? offer.Name).ToString(), offer.Kind, message.Result, message.Level, accepted, CallThatHas(sent, start));
            }
        }
    }

    /// <summary>The last line of the plain protocol: <c>Stored SIZE bytes HASH LEVEL NAME</c>.</summary>
    private static IEnumerable<TracedReceipt> Plain(TracedCall accepted, TracedCall[] sent)
    {
        string all = Encoding.Latin1.GetString([.. sent.SelectMany(Bytes)]);
        int start = all.LastIndexOf("\nStored ", StringComparison.Ordinal);
        if (start >= 0)
        {
            string[] words = all[(start + 1)..].TrimEnd('\n').Split(' ', 6);
            yield return new(words[5], EntryKind.File, ReceiptResult.Stored, Enum.Parse<Durability>(words[4], ignoreCase: true), accepted, CallThatHas(sent, start));
        }
    }

    private static IEnumerable<(FrameHeader Header, int Start, ReadOnlyMemory<byte> Payload)> Frames(byte[] bytes)
    {
        int start = Preface.Bytes.Length;
        while (start + FrameHeader.Size <= bytes.Length)
        {
            FrameHeader header = FrameHeader.Read(bytes.AsSpan(start));
            yield return (header, start, bytes.AsMemory(start + FrameHeader.Size, header.Length));
            start += FrameHeader.Size + header.Length;
        }
    }

    private static TracedCall CallThatHas(TracedCall[] sent, int position)
    {
        long end = 0;
        return sent.First(call => (end += call.Value!.Value) > position);
    }

    private static IEnumerable<byte> Bytes(TracedCall call) => call.Strings.SelectMany(part => part).Take((int)call.Value!.Value);
}
