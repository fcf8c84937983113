using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>Content of an offered entry may come, from its beginning or, where the sender finds its own bytes in the hash, from an offset.</summary>
/// <param name="Offset">Bytes that the receiver holds from an earlier connection; null when it holds none.</param>
/// <param name="Hash">The hash of those; given with the offset.</param>
internal readonly record struct Go(long? Offset = null, byte[]? Hash = null) : IMessage
{
    private const int OffsetKey = 1; // [go.offset]
    private const int HashKey = 2; // [go.hash]

    public static FrameType Type => FrameType.Go;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(Offset is null ? 0 : 2);
        if (Offset is { } offset)
        {
            cbor.WriteInt32(OffsetKey);
            cbor.WriteInt64(offset);
            cbor.WriteInt32(HashKey);
            cbor.WriteByteString(Hash ?? []);
        }
        cbor.WriteEndMap();
    }

    public static Go Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "go", payload).ReadMap(ref fields, ReadField);
        if (fields.Offset is null != fields.Hash is null)
        {
            throw Malformed.MissingField(fields.Offset is null ? "[go.offset]" : "[go.hash]");
        }
        return fields.Offset is not 0 ? new Go(fields.Offset, fields.Hash) : throw Malformed.OutOfRange("[go.offset]");
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case OffsetKey: fields.Offset = reader.ReadNumber("[go.offset]", long.MaxValue); return true;
            case HashKey: fields.Hash = reader.ReadBytes("[go.hash]", WireText.MostHashBytes); return true;
            default: return false;
        }
    }

    private struct Fields
    {
        public long? Offset;
        public byte[]? Hash;
    }
}
