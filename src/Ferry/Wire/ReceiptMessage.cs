using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>What became of an entry, in the receiver's words.</summary>
/// <param name="Result">Stored or why not.</param>
/// <param name="Name">The name it is stored under, when that is not the name offered.</param>
/// <param name="Size">Bytes stored.</param>
/// <param name="Hash">Hash of what is stored, by the connection's algorithm.</param>
/// <param name="Checked">Who computed the hash.</param>
/// <param name="Level">How safely it is stored.</param>
/// <param name="How">How the content travelled.</param>
/// <param name="Code">Why it is not stored.</param>
/// <param name="Reason">The sentence that goes with it.</param>
internal readonly record struct ReceiptMessage(
    ReceiptResult Result, FerryPath? Name, long? Size, byte[]? Hash, HashCheck Checked, Durability? Level, TransferMethod How,
    FerryErrorCode? Code, string? Reason) : IMessage
{
    private const int ResultKey = 1; // [receipt.result]
    private const int NameKey = 2; // [receipt.name]
    private const int SizeKey = 3; // [receipt.size]
    private const int HashKey = 4; // [receipt.hash]
    private const int CheckedKey = 5; // [receipt.checked]
    private const int LevelKey = 6; // [receipt.level]
    private const int HowKey = 7; // [receipt.how]
    private const int CodeKey = 8; // [receipt.code]
    private const int ReasonKey = 9; // [receipt.reason]
    private const int ReplayedKey = 10; // [receipt.replayed]
    private const int ResumedKey = -1; // [receipt.resumed]

    public static FrameType Type => FrameType.Receipt;

    /// <summary>Bytes that had arrived on an earlier connection and were not sent again; null where all was sent.</summary>
    public long? ResumedFrom { get; init; }

    /// <summary>True when the entry was stored on an earlier connection of the same delivery, and this receipt was written then.</summary>
    public bool Replayed { get; init; }

    /// <summary>The message for a receipt; the name is left out when it is the one offered.</summary>
    public static ReceiptMessage From(Receipt receipt, FerryPath offered)
    {
        return new ReceiptMessage(
            receipt.Result,
            receipt.Name == offered ? default(FerryPath?) : receipt.Name,
            receipt.IsWhole && receipt.Kind == EntryKind.File ? receipt.Size : null,
            receipt.Hash is { } hash ? ContentHash.BytesOf(hash) : null,
            receipt.Checked,
            receipt.Level,
            receipt.How,
            receipt.Code,
            receipt.Reason)
        {
            Replayed = receipt.Replayed,
            ResumedFrom = receipt.ResumedFrom,
        };
    }

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(null);
        cbor.WriteInt32(ResultKey);
        cbor.WriteTextString(Result.WireName());
        if (Name is { } name)
        {
            cbor.WriteInt32(NameKey);
            cbor.WriteByteString(name.Bytes);
        }
        if (Size is { } size)
        {
            cbor.WriteInt32(SizeKey);
            cbor.WriteInt64(size);
        }
        if (Hash is not null)
        {
            cbor.WriteInt32(HashKey);
            cbor.WriteByteString(Hash);
            cbor.WriteInt32(CheckedKey);
            cbor.WriteTextString(Checked.WireName());
        }
        if (Level is { } level)
        {
            cbor.WriteInt32(LevelKey);
            cbor.WriteTextString(level.WireName());
            cbor.WriteInt32(HowKey);
            cbor.WriteTextString(How.WireName());
        }
        WireText.WriteError(cbor, CodeKey, Code, ReasonKey, Reason);
        if (Replayed)
        {
            cbor.WriteInt32(ReplayedKey);
            cbor.WriteBoolean(true);
        }
        if (ResumedFrom is { } resumed)
        {
            cbor.WriteInt32(ResumedKey);
            cbor.WriteInt64(resumed);
        }
        cbor.WriteEndMap();
    }

    public static ReceiptMessage Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "receipt", payload).ReadMap(ref fields, ReadField);
        return new ReceiptMessage(
            fields.Result ?? throw Malformed.MissingField("[receipt.result]"),
            fields.Name, fields.Size, fields.Hash, fields.Checked, fields.Level, fields.How, fields.Code, fields.Reason)
        {
            Replayed = fields.Replayed,
            ResumedFrom = fields.ResumedFrom,
        };
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case ResultKey: fields.Result = WireText.Read<ReceiptResult>(reader, "[receipt.result]"); return true;
            case NameKey: fields.Name = FerryPath.FromBytes(reader.ReadBytes("[receipt.name]", ProtocolLimits.MaxStoredPathBytes)); return true;
            case SizeKey: fields.Size = reader.ReadNumber("[receipt.size]", long.MaxValue); return true;
            case HashKey: fields.Hash = reader.ReadBytes("[receipt.hash]", WireText.MostHashBytes); return true;
            case CheckedKey: fields.Checked = WireText.Read<HashCheck>(reader, "[receipt.checked]"); return true;
            case LevelKey: fields.Level = WireText.Read<Durability>(reader, "[receipt.level]"); return true;
            case HowKey: fields.How = WireText.Read<TransferMethod>(reader, "[receipt.how]"); return true;
            case CodeKey: fields.Code = WireText.ReadCode(reader, "[receipt.code]"); return true;
            case ReasonKey: fields.Reason = WireText.ReadReason(reader, "[receipt.reason]"); return true;
            case ReplayedKey: fields.Replayed = reader.ReadBoolean(); return true;
            case ResumedKey: fields.ResumedFrom = reader.ReadNumber("[receipt.resumed]", long.MaxValue); return true;
            default: return false;
        }
    }

    private struct Fields
    {
        public ReceiptResult? Result;
        public FerryPath? Name;
        public long? Size;
        public byte[]? Hash;
        public HashCheck Checked;
        public Durability? Level;
        public TransferMethod How;
        public FerryErrorCode? Code;
        public string? Reason;
        public bool Replayed;
        public long? ResumedFrom;
    }
}
