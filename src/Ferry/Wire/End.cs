using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>An entry ends. Every offer is followed by exactly one, also when its receipt has come already.</summary>
/// <param name="Whole">True when all content was sent; false when the sender gave the entry up.</param>
/// <param name="Size">Bytes of content sent; of a whole file.</param>
/// <param name="Hash">The content's hash; of a whole file.</param>
/// <param name="Code">Why the entry was given up.</param>
/// <param name="Reason">The sentence that goes with it.</param>
internal readonly record struct End(bool Whole, long? Size, byte[]? Hash, FerryErrorCode? Code, string? Reason) : IMessage
{
    private const int WholeKey = 1; // [end.whole]
    private const int SizeKey = 2; // [end.size]
    private const int HashKey = 3; // [end.hash]
    private const int CodeKey = 4; // [end.code]
    private const int ReasonKey = 5; // [end.reason]

    public static FrameType Type => FrameType.End;

    public static End OfFile(long size, byte[] hash) => new(true, size, hash, null, null);

    /// <summary>The end of a directory, and of a file whose receipt came before it.</summary>
    public static End WithoutContent => new(true, null, null, null, null);

    public static End GivenUp(FerryErrorCode code, string reason) => new(false, null, null, code, reason);

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(null);
        cbor.WriteInt32(WholeKey);
        cbor.WriteBoolean(Whole);
        if (Size is { } size)
        {
            cbor.WriteInt32(SizeKey);
            cbor.WriteInt64(size);
        }
        if (Hash is not null)
        {
            cbor.WriteInt32(HashKey);
            cbor.WriteByteString(Hash);
        }
        WireText.WriteError(cbor, CodeKey, Code, ReasonKey, Reason);
        cbor.WriteEndMap();
    }

    public static End Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "end", payload).ReadMap(ref fields, ReadField);
        return new End(fields.Whole ?? throw Malformed.MissingField("[end.whole]"), fields.Size, fields.Hash, fields.Code, fields.Reason);
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case WholeKey: fields.Whole = reader.ReadBoolean(); return true;
            case SizeKey: fields.Size = reader.ReadNumber("[end.size]", long.MaxValue); return true;
            case HashKey: fields.Hash = reader.ReadBytes("[end.hash]", WireText.MostHashBytes); return true;
            case CodeKey: fields.Code = WireText.ReadCode(reader, "[end.code]"); return true;
            case ReasonKey: fields.Reason = WireText.ReadReason(reader, "[end.reason]"); return true;
            default: return false;
        }
    }

    private struct Fields
    {
        public bool? Whole;
        public long? Size;
        public byte[]? Hash;
        public FerryErrorCode? Code;
        public string? Reason;
    }
}
