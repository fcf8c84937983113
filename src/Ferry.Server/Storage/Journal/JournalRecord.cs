using System.Buffers.Binary;
using System.Formats.Cbor;
using Ferry.Native;
using Ferry.Wire;

namespace Ferry.Server.Storage.Journal;

/// <summary>What a record says.</summary>
internal enum JournalEvent
{
    /// <summary>A file is about to be published.</summary>
    Intent = 1,
    /// <summary>It is published, and its receipt may be given again.</summary>
    Done = 2,
    /// <summary>It is not published after all.</summary>
    Cancelled = 3,
    /// <summary>A directory is about to be made.</summary>
    Making = 4,
    /// <summary>It is made, and has neither its mode nor its time yet.</summary>
    Made = 5,
    /// <summary>It has them.</summary>
    Ended = 6,
    /// <summary>What follows was written in another run of the machine.</summary>
    Boot = 7,
}

/// <summary>One record of a journal. Which of the fields there are follows from what it says.</summary>
internal sealed record JournalRecord
{
    /// <summary>A record is not longer than a name with room for the rest.</summary>
    public const int MostBytes = 2 * ProtocolLimits.MaxStoredPathBytes + 1024;

    /// <summary>Arrivals that one record settles.</summary>
    public const int MostIds = 256;

    private const int IdBytes = 16;
    private const int MostWord = 32;
    private const int MostStagedName = 64;

    private const long MostNanoseconds = 999_999_999;

    public required JournalEvent Event { get; init; }

    /// <summary>The arrival, and where several are settled alike all of them; for directories the delivery; of a run of the machine its number.</summary>
    public required UInt128[] Ids { get; init; }

    public UInt128 Id => Ids[0];

    /// <summary>When it was written, in milliseconds since 1970.</summary>
    public required long At { get; init; }

    /// <summary>The name offered; of a published file the one that it got, where that is another.</summary>
    public FerryPath Name { get; init; }

    /// <summary>The size and time offered; null where none was.</summary>
    public long? Size { get; init; }

    public FileTime? Modified { get; init; }

    /// <summary>The receipt that a file gets when it is published. Its name is known only then, and not written.</summary>
    public Receipt? Receipt { get; init; }

    /// <summary>Where a file waits; of a directory only what it is.</summary>
    public StagedIdentity Staged { get; init; }

    /// <summary>The connection that published it; 0 for one that is over. Never in the file.</summary>
    public long Writer { get; init; }

    /// <summary>Where it stands in the file.</summary>
    public long Offset { get; set; }

    public DirectoryIdentity Directory => new(Staged.Inode, Staged.Born);

    /// <summary>The records that say that files are published: as few as can be.</summary>
    /// <param name="files">The files; with the name of each that got another than the one offered.</param>
    /// <param name="at">When that is written.</param>
    /// <param name="writer">The connection that published them.</param>
    public static List<JournalRecord> Done(IEnumerable<(UInt128 Arrival, FerryPath OtherName)> files, long at, long writer)
    {
        List<UInt128> alike = [];
        List<JournalRecord> records = [];
        foreach ((UInt128 arrival, FerryPath otherName) in files)
        {
            if (otherName.IsEmpty)
            {
                alike.Add(arrival);
            }
            else
            {
                records.Add(new JournalRecord { Event = JournalEvent.Done, Ids = [arrival], At = at, Name = otherName, Writer = writer });
            }
        }
        records.AddRange(alike.Chunk(MostIds).Select(ids => new JournalRecord { Event = JournalEvent.Done, Ids = ids, At = at, Writer = writer }));
        return records;
    }

    /// <summary>The records that say that files are not published after all.</summary>
    public static IEnumerable<JournalRecord> Cancelled(IEnumerable<UInt128> arrivals, long at) =>
        arrivals.Chunk(MostIds).Select(ids => new JournalRecord { Event = JournalEvent.Cancelled, Ids = ids, At = at });

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(null);
        WriteNumber(cbor, 1, (long)Event);
        Span<byte> ids = stackalloc byte[Ids.Length * IdBytes];
        for (int i = 0; i < Ids.Length; i++)
        {
            BinaryPrimitives.WriteUInt128LittleEndian(ids[(i * IdBytes)..], Ids[i]);
        }
        WriteBytes(cbor, 2, ids);
        WriteNumber(cbor, 3, At);
        WriteBytes(cbor, 4, Name.Bytes);
        WriteNumber(cbor, 5, Size);
        WriteTime(cbor, 6, Modified);
        if (Receipt is { } receipt)
        {
            WriteNumber(cbor, 8, receipt.Size);
            WriteText(cbor, 9, receipt.Hash);
            WriteText(cbor, 10, receipt.Checked.WireName());
            WriteText(cbor, 11, receipt.How.WireName());
            WriteText(cbor, 12, receipt.Level?.WireName());
        }
        WriteBytes(cbor, 13, Staged.Directory.Bytes);
        WriteBytes(cbor, 14, Staged.File.Bytes);
        if (Staged.Inode != 0)
        {
            WriteNumber(cbor, 15, (long)Staged.Inode);
            WriteTime(cbor, 16, new FileTime(Staged.Born.Seconds, Staged.Born.Nanoseconds));
        }
        cbor.WriteEndMap();
    }

    /// <exception cref="FerryException">It is no record.</exception>
    public static JournalRecord Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        var fields = new Fields();
        new MessageReader(cbor, "journal record", payload).ReadMap(ref fields, ReadField);
        bool settles = fields.Event is JournalEvent.Done or JournalEvent.Cancelled;
        if (fields.Event is < JournalEvent.Intent or > JournalEvent.Boot || fields.Ids is not { Length: >= IdBytes } ids
            || ids.Length % IdBytes != 0 || (ids.Length > IdBytes && !settles))
        {
            throw new FerryException(FerryErrorCode.StorageError, "a record of no known kind");
        }
        bool hasHash = ContentHash.IsText(fields.Hash);
        Receipt? receipt = fields.Event == JournalEvent.Intent
            ? new Receipt
            {
                Name = default,
                Result = ReceiptResult.Stored,
                Size = fields.Stored,
                Hash = hasHash ? fields.Hash : null,
                Checked = hasHash ? fields.Checked : HashCheck.None,
                How = fields.How,
                Level = fields.Level,
            }
            : null;
        return new JournalRecord
        {
            Event = fields.Event,
            Ids = [.. ids.Chunk(IdBytes).Select(id => BinaryPrimitives.ReadUInt128LittleEndian(id))],
            At = fields.At,
            Name = fields.Name,
            Size = fields.Size,
            Modified = fields.Modified,
            Receipt = receipt,
            Staged = new StagedIdentity(fields.Directory, fields.File, fields.Inode, fields.Born),
        };
    }

    private static void WriteNumber(CborWriter cbor, int key, long? value)
    {
        if (value is { } number)
        {
            cbor.WriteInt32(key);
            cbor.WriteInt64(number);
        }
    }

    private static void WriteBytes(CborWriter cbor, int key, ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            cbor.WriteInt32(key);
            cbor.WriteByteString(value);
        }
    }

    private static void WriteText(CborWriter cbor, int key, string? value)
    {
        if (value is not null)
        {
            cbor.WriteInt32(key);
            cbor.WriteTextString(value);
        }
    }

    private static void WriteTime(CborWriter cbor, int key, FileTime? value)
    {
        if (value is { } time)
        {
            cbor.WriteInt32(key);
            cbor.WriteStartArray(2);
            cbor.WriteInt64(time.Seconds);
            cbor.WriteUInt32(time.Nanoseconds);
            cbor.WriteEndArray();
        }
    }

    private static bool ReadField(ref Fields fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case 1: fields.Event = (JournalEvent)reader.ReadNumber("event", (long)JournalEvent.Boot); return true;
            case 2: fields.Ids = reader.ReadBytes("ids", MostIds * IdBytes); return true;
            case 3: fields.At = reader.ReadSignedNumber(); return true;
            case 4: fields.Name = FerryPath.FromBytes(reader.ReadBytes("name", ProtocolLimits.MaxStoredPathBytes)); return true;
            case 5: fields.Size = reader.ReadNumber("size", long.MaxValue); return true;
            case 6: fields.Modified = ReadTime(reader); return true;
            case 8: fields.Stored = reader.ReadNumber("bytes", long.MaxValue); return true;
            case 9: fields.Hash = reader.ReadText("hash", MostWord + 2 * WireText.MostHashBytes); return true;
            case 10: fields.Checked = WireText.Read<HashCheck>(reader, "checked"); return true;
            case 11: fields.How = WireText.Read<TransferMethod>(reader, "how"); return true;
            case 12: fields.Level = WireText.Read<Durability>(reader, "level"); return true;
            case 13: fields.Directory = FerryPath.FromBytes(reader.ReadBytes("staging directory", MostStagedName)); return true;
            case 14: fields.File = FerryPath.FromBytes(reader.ReadBytes("staged file", MostStagedName)); return true;
            case 15: fields.Inode = (ulong)reader.ReadSignedNumber(); return true;
            case 16: FileTime born = ReadTime(reader); fields.Born = new TimeStamp(born.Seconds, born.Nanoseconds); return true;
            default: return false;
        }
    }

    private static FileTime ReadTime(MessageReader reader)
    {
        List<long> parts = reader.ReadArray("time", 2, item => item.ReadSignedNumber());
        return parts.Count == 2 && parts[1] is >= 0 and <= MostNanoseconds ? new FileTime(parts[0], (uint)parts[1]) : throw Malformed.OutOfRange("time");
    }

    private struct Fields
    {
        public JournalEvent Event;
        public byte[]? Ids;
        public long At;
        public FerryPath Name;
        public long? Size;
        public FileTime? Modified;
        public long Stored;
        public string? Hash;
        public HashCheck Checked;
        public TransferMethod How;
        public Durability? Level;
        public FerryPath Directory;
        public FerryPath File;
        public ulong Inode;
        public TimeStamp Born;
    }
}
