using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>An entry begins: what it is and what is known about it before its content.</summary>
/// <param name="Kind">File or directory.</param>
/// <param name="Name">Name relative to the receiver's root, components separated by <c>/</c>.</param>
/// <param name="Size">Bytes of content; null when the sender does not know yet.</param>
/// <param name="Metadata">Mode and time, where known.</param>
/// <param name="Level">The level asked for; null for the server's own.</param>
/// <param name="ByDescriptor">True when the content will be passed as an open file.</param>
/// <param name="Atomic">True for a directory that takes its name in one step, with all that is in it.</param>
internal readonly record struct Offer(
    EntryKind Kind, FerryPath Name, long? Size, EntryMetadata Metadata, Durability? Level, bool ByDescriptor = false, bool Atomic = false) : IMessage
{
    private const int KindKey = 1; // [offer.kind]
    private const int NameKey = 2; // [offer.name]
    private const int SizeKey = 3; // [offer.size]
    private const int ModeKey = 4; // [offer.mode]
    private const int ModifiedKey = 5; // [offer.modified]
    private const int LevelKey = 6; // [offer.level]
    private const int DescriptorKey = 7; // [offer.descriptor]
    private const int ResumeKey = 8; // [offer.resume]
    private const int SourceKey = 9; // [offer.source]
    private const int AtomicKey = 10; // [offer.atomic]
    private const int AtomicBegins = 1, AtomicGoesOn = 2;

    public static FrameType Type => FrameType.Offer;

    /// <summary>Which of the things sent in a delivery it belongs to: with the name, this tells one arrival from every other. Null outside of a delivery with a key.</summary>
    public long? Source { get; init; }

    /// <summary>True for an atomic directory that the receiver has begun to fill on an earlier connection of the delivery.</summary>
    public bool GoesOn { get; init; }

    /// <summary>True when the receiver may keep a part of the content and go on with it later.</summary>
    public bool Resume { get; init; }

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(null);
        cbor.WriteInt32(KindKey);
        cbor.WriteInt32((int)Kind);
        cbor.WriteInt32(NameKey);
        cbor.WriteByteString(Name.Bytes);
        if (Size is { } size)
        {
            cbor.WriteInt32(SizeKey);
            cbor.WriteInt64(size);
        }
        if (Metadata.Mode is { } mode)
        {
            cbor.WriteInt32(ModeKey);
            cbor.WriteUInt32(mode);
        }
        if (Metadata.Modified is { } modified)
        {
            cbor.WriteInt32(ModifiedKey);
            cbor.WriteStartArray(2);
            cbor.WriteInt64(modified.Seconds);
            cbor.WriteUInt32(modified.Nanoseconds);
            cbor.WriteEndArray();
        }
        if (Level is { } level)
        {
            cbor.WriteInt32(LevelKey);
            cbor.WriteTextString(level.WireName());
        }
        if (ByDescriptor)
        {
            cbor.WriteInt32(DescriptorKey);
            cbor.WriteBoolean(true);
        }
        if (Resume)
        {
            cbor.WriteInt32(ResumeKey);
            cbor.WriteBoolean(true);
        }
        if (Source is { } source)
        {
            cbor.WriteInt32(SourceKey);
            cbor.WriteInt64(source);
        }
        if (Atomic)
        {
            cbor.WriteInt32(AtomicKey);
            cbor.WriteInt32(GoesOn ? AtomicGoesOn : AtomicBegins);
        }
        cbor.WriteEndMap();
    }

    public static Offer Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "offer", payload).ReadMap(ref fields, ReadField);
        return new Offer(
            fields.Kind ?? throw Malformed.MissingField("[offer.kind]"),
            fields.Name ?? throw Malformed.MissingField("[offer.name]"),
            fields.Size,
            new EntryMetadata(fields.Mode, fields.Modified),
            fields.Level,
            fields.ByDescriptor,
            fields.Atomic is not null)
        {
            Source = fields.Source,
            GoesOn = fields.Atomic == AtomicGoesOn,
            Resume = fields.Resume,
        };
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case KindKey:
                fields.Kind = reader.ReadNumber("[offer.kind]", int.MaxValue) switch
                {
                    1 => EntryKind.File,
                    2 => EntryKind.Directory,
                    long kind => throw new FerryException(FerryErrorCode.Unsupported, $"this side does not take entries of kind {kind}"),
                };
                return true;
            case NameKey:
                fields.Name = FerryPath.FromBytes(reader.ReadBytes("[offer.name]", ProtocolLimits.MaxPathBytes));
                return true;
            case SizeKey:
                fields.Size = reader.ReadNumber("[offer.size]", long.MaxValue);
                return true;
            case ModeKey:
                fields.Mode = (uint)reader.ReadNumber("[offer.mode]", EntryMetadata.ModeMask);
                return true;
            case ModifiedKey:
                List<long> parts = reader.ReadArray("[offer.modified]", 2, item => item.ReadSignedNumber());
                fields.Modified = parts.Count == 2 && parts[1] is >= 0 and <= FileTime.MostNanoseconds
                    ? new FileTime(parts[0], (uint)parts[1])
                    : throw Malformed.OutOfRange("[offer.modified]");
                return true;
            case LevelKey:
                fields.Level = WireText.Read<Durability>(reader, "[offer.level]");
                return true;
            case DescriptorKey:
                fields.ByDescriptor = reader.ReadBoolean();
                return true;
            case ResumeKey:
                fields.Resume = reader.ReadBoolean();
                return true;
            case SourceKey:
                fields.Source = reader.ReadNumber("[offer.source]", uint.MaxValue);
                return true;
            case AtomicKey:
                fields.Atomic = (int)reader.ReadNumber("[offer.atomic]", AtomicGoesOn);
                _ = fields.Atomic >= AtomicBegins ? true : throw Malformed.OutOfRange("[offer.atomic]");
                return true;
            default:
                return false;
        }
    }

    private struct Fields
    {
        public EntryKind? Kind;
        public FerryPath? Name;
        public long? Size;
        public uint? Mode;
        public FileTime? Modified;
        public Durability? Level;
        public bool ByDescriptor;
        public bool Resume;
        public long? Source;
        public int? Atomic;
    }
}
