using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>The sender's answer to a go with an offset, before any content: from there, or from the beginning because its bytes are others.</summary>
/// <param name="Offset">The offset of the go, or 0.</param>
internal readonly record struct From(long Offset) : IMessage
{
    private const int OffsetKey = 1; // [from.offset]

    public static FrameType Type => FrameType.From;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(1);
        cbor.WriteInt32(OffsetKey);
        cbor.WriteInt64(Offset);
        cbor.WriteEndMap();
    }

    public static From Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        long? offset = null;
        new MessageReader(cbor, "from", payload).ReadMap(ref offset, ReadField);
        return new From(offset ?? throw Malformed.MissingField("[from.offset]"));
    }

    private static bool ReadField(ref long? offset, int key, MessageReader reader)
    {
        if (key != OffsetKey)
        {
            return false;
        }
        offset = reader.ReadNumber("[from.offset]", long.MaxValue);
        return true;
    }
}
