using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>What a side is and accepts. A peer uses only what both sides named.</summary>
internal sealed record Greeting : IMessage
{
    public const int CurrentVersion = 1;

    /// <summary>The capability of a server to take entries.</summary>
    public const string Store = "store";

    /// <summary>The capability of either side to pass or take open files.</summary>
    public const string Descriptors = "descriptors";

    /// <summary>The capability of a server to store a directory in one step.</summary>
    public const string Atomic = "atomic";

    /// <summary>The capability of a server to know deliveries by their keys, and to give a receipt again.</summary>
    public const string Replay = "replay";

    /// <summary>The capability of either side to go on with a file of which a part has arrived.</summary>
    public const string Resume = "resume";

    /// <summary>A shorter stall time-out would make the peer spend its time on saying that it is alive.</summary>
    public const int LeastStallMilliseconds = 100;

    private const int VersionsKey = 1; // [greeting.versions]
    private const int CapabilitiesKey = 2; // [greeting.capabilities]
    private const int LimitsKey = 3; // [greeting.limits]
    private const int StallKey = 4; // [greeting.stall]
    private const int HashesKey = 5; // [greeting.hashes]
    private const int LevelKey = 6; // [greeting.level]
    private const int SoftwareKey = -1; // [greeting.software]

    private const int ControlKey = 1; // [limits.control]
    private const int ContentKey = 2; // [limits.content]
    private const int PathKey = 3; // [limits.path]
    private const int LevelsKey = 4; // [limits.levels]
    private const int EntriesKey = 5; // [limits.entries]
    private const int InlineKey = 6; // [limits.inline]
    private const int FileKey = 7; // [limits.file]
    private const int DescriptorsKey = 8; // [limits.descriptors]

    private const int MostItems = 64;
    private const int MostCharacters = 64;

    public static FrameType Type => FrameType.Greeting;

    /// <summary>What Ferry itself writes as <c>[greeting.software]</c>.</summary>
    public static string OurSoftware { get; } = $"ferry {typeof(Greeting).Assembly.GetName().Version?.ToString(3)}";

    public IReadOnlyList<long> Versions { get; init; } = [];

    public IReadOnlyList<string> Capabilities { get; init; } = [];

    public ProtocolLimits Limits { get; init; } = ProtocolLimits.Ours(null);

    /// <summary>Null when the side never gives up on a silent peer.</summary>
    public TimeSpan? StallTimeout { get; init; }

    public IReadOnlyList<string> Hashes { get; init; } = [];

    /// <summary>The highest level that a server gives; null from a client.</summary>
    public Durability? Level { get; init; }

    public string? Software { get; init; }

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(5 + (StallTimeout is null ? 0 : 1) + (Level is null ? 0 : 1));
        cbor.WriteInt32(VersionsKey);
        WriteArray(cbor, Versions, (writer, version) => writer.WriteInt64(version));
        cbor.WriteInt32(CapabilitiesKey);
        WriteArray(cbor, Capabilities, (writer, name) => writer.WriteTextString(name));
        cbor.WriteInt32(LimitsKey);
        WriteLimits(cbor);
        if (StallTimeout is { } stall)
        {
            cbor.WriteInt32(StallKey);
            cbor.WriteInt64((long)stall.TotalMilliseconds);
        }
        cbor.WriteInt32(HashesKey);
        WriteArray(cbor, Hashes, (writer, name) => writer.WriteTextString(name));
        if (Level is { } level)
        {
            cbor.WriteInt32(LevelKey);
            cbor.WriteTextString(level.WireName());
        }
        cbor.WriteInt32(SoftwareKey);
        cbor.WriteTextString(Software ?? "");
        cbor.WriteEndMap();
    }

    public static Greeting Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "greeting", payload).ReadMap(ref fields, ReadField, ignoreUnknown: true);
        return new Greeting
        {
            Versions = fields.Versions ?? throw Malformed.MissingField("[greeting.versions]"),
            Capabilities = fields.Capabilities ?? [],
            Limits = fields.Limits.ToLimits(),
            StallTimeout = fields.StallMilliseconds is { } milliseconds ? TimeSpan.FromMilliseconds(milliseconds) : null,
            Hashes = fields.Hashes ?? throw Malformed.MissingField("[greeting.hashes]"),
            Level = fields.Level,
            Software = fields.Software,
        };
    }

    private void WriteLimits(CborWriter cbor)
    {
        cbor.WriteStartMap(Limits.FileBytes is null ? 7 : 8);
        WriteNumber(cbor, ControlKey, Limits.ControlBytes);
        WriteNumber(cbor, ContentKey, Limits.ContentBytes);
        WriteNumber(cbor, PathKey, Limits.PathBytes);
        WriteNumber(cbor, LevelsKey, Limits.Levels);
        WriteNumber(cbor, EntriesKey, Limits.Entries);
        WriteNumber(cbor, InlineKey, Limits.InlineBytes);
        WriteNumber(cbor, DescriptorsKey, Limits.Descriptors);
        if (Limits.FileBytes is { } file)
        {
            WriteNumber(cbor, FileKey, file);
        }
        cbor.WriteEndMap();
    }

    private static void WriteNumber(CborWriter cbor, int key, long value)
    {
        cbor.WriteInt32(key);
        cbor.WriteInt64(value);
    }

    private static void WriteArray<T>(CborWriter cbor, IReadOnlyList<T> items, Action<CborWriter, T> writeItem)
    {
        cbor.WriteStartArray(items.Count);
        foreach (T item in items)
        {
            writeItem(cbor, item);
        }
        cbor.WriteEndArray();
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case VersionsKey:
                fields.Versions = reader.ReadArray("[greeting.versions]", MostItems, item => item.ReadNumber("[greeting.versions]", uint.MaxValue));
                return true;
            case CapabilitiesKey:
                fields.Capabilities = reader.ReadArray("[greeting.capabilities]", MostItems, item => item.ReadText("[greeting.capabilities]", MostCharacters));
                return true;
            case LimitsKey:
                reader.ReadFields(ref fields.Limits, ReadLimit, ignoreUnknown: true);
                return true;
            case StallKey:
                fields.StallMilliseconds = reader.ReadNumber("[greeting.stall]", int.MaxValue);
                return fields.StallMilliseconds >= LeastStallMilliseconds ? true : throw Malformed.OutOfRange("[greeting.stall]");
            case HashesKey:
                fields.Hashes = reader.ReadArray("[greeting.hashes]", MostItems, item => item.ReadText("[greeting.hashes]", MostCharacters));
                return true;
            case LevelKey:
                fields.Level = WireText.Read<Durability>(reader, "[greeting.level]");
                return true;
            case SoftwareKey:
                fields.Software = reader.ReadText("[greeting.software]", MostCharacters);
                return true;
            default:
                return false;
        }
    }

    private static bool ReadLimit(ref LimitFields limits, int key, MessageReader reader)
    {
        switch (key)
        {
            case ControlKey: limits.Control = Limit(reader, "[limits.control]", 1024); return true;
            case ContentKey: limits.Content = Limit(reader, "[limits.content]", 1); return true;
            case PathKey: limits.Path = Limit(reader, "[limits.path]", 1); return true;
            case LevelsKey: limits.Levels = Limit(reader, "[limits.levels]", 1); return true;
            case EntriesKey: limits.Entries = Limit(reader, "[limits.entries]", 1); return true;
            case InlineKey: limits.Inline = Limit(reader, "[limits.inline]", 0); return true;
            case DescriptorsKey: limits.Descriptors = Limit(reader, "[limits.descriptors]", 0); return true;
            case FileKey: limits.File = Limit(reader, "[limits.file]", 0); return true;
            default: return false;
        }
    }

    private static long Limit(MessageReader reader, string tag, long least)
    {
        long value = reader.ReadNumber(tag, long.MaxValue);
        return value >= least ? value : throw Malformed.OutOfRange(tag);
    }

    private struct Fields
    {
        public List<long>? Versions;
        public List<string>? Capabilities;
        public LimitFields Limits;
        public long? StallMilliseconds;
        public List<string>? Hashes;
        public Durability? Level;
        public string? Software;
    }

    private struct LimitFields
    {
        public long? Control, Content, Path, Levels, Entries, Inline, Descriptors, File;

        public readonly ProtocolLimits ToLimits() => new(
            Control ?? throw Malformed.MissingField("[limits.control]"),
            Content ?? throw Malformed.MissingField("[limits.content]"),
            Path ?? throw Malformed.MissingField("[limits.path]"),
            Levels ?? throw Malformed.MissingField("[limits.levels]"),
            Entries ?? throw Malformed.MissingField("[limits.entries]"),
            Inline ?? throw Malformed.MissingField("[limits.inline]"),
            Descriptors ?? 0,
            File);
    }
}
