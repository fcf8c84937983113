using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Text;
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

    public required JournalEvent Event { get; init; }

    /// <summary>The arrival, and where several are settled alike all of them; for directories the delivery; of a run of the machine its number.</summary>
    public required UInt128[] Ids { get; init; }

    public UInt128 Id => Ids[0];

    /// <summary>When it was written, in milliseconds since 1970.</summary>
    public required long At { get; init; }

    /// <summary>The name offered; of a published file the one that it got, where that is another.</summary>
    public FerryPath Name { get; init; }

    /// <summary>Which of the things sent a file belongs to; null in what says nothing of one.</summary>
    public long? Source { get; init; }

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

    /// <summary>Files are published.</summary>
    /// <param name="arrivals">The files, at most <see cref="MostIds"/>; one where it has another name than the one offered.</param>
    /// <param name="at">When that is written.</param>
    /// <param name="writer">The connection that published them.</param>
    /// <param name="otherName">That other name.</param>
    public static JournalRecord Done(UInt128[] arrivals, long at, long writer = 0, FerryPath otherName = default) =>
        new() { Event = JournalEvent.Done, Ids = arrivals, At = at, Name = otherName, Writer = writer };

    /// <summary>Files are not published after all.</summary>
    /// <param name="arrivals">The files, at most <see cref="MostIds"/>.</param>
    /// <param name="at">When that is written.</param>
    public static JournalRecord Cancelled(UInt128[] arrivals, long at) => new() { Event = JournalEvent.Cancelled, Ids = arrivals, At = at };

    /// <summary>The records that say what became of files: as few as can be.</summary>
    /// <param name="files">The files; with the name of each that is published.</param>
    /// <param name="at">When that is written.</param>
    /// <param name="writer">The connection that published them.</param>
    public static List<JournalRecord> Settled(IReadOnlyList<(JournalRecord Intent, FerryPath? StoredAs)> files, long at, long writer)
    {
        List<JournalRecord> records = [];
        List<UInt128> published = [], cancelled = [];
        foreach ((JournalRecord intent, FerryPath? storedAs) in files)
        {
            if (storedAs is not { } name)
            {
                cancelled.Add(intent.Id);
            }
            else if (name == intent.Name)
            {
                published.Add(intent.Id);
            }
            else
            {
                records.Add(Done([intent.Id], at, writer, name));
            }
        }
        records.AddRange(published.Chunk(MostIds).Select(ids => Done(ids, at, writer)));
        records.AddRange(cancelled.Chunk(MostIds).Select(ids => Cancelled(ids, at)));
        return records;
    }

    /// <summary>Writes it as it stands in the file.</summary>
    /// <param name="destination">At least <see cref="MostBytes"/>.</param>
    /// <returns>How many bytes it has.</returns>
    public int Write(Span<byte> destination)
    {
        int room = destination.Length;
        var fields = new Fixed
        {
            Event = (byte)Event,
            Given = (Size is null ? Given.None : Given.Size) | (Modified is null ? Given.None : Given.Modified) | (Receipt is null ? Given.None : Given.Receipt),
            Checked = (byte)(Receipt?.Checked ?? default),
            How = (byte)(Receipt?.How ?? default),
            Level = (byte)(Receipt?.Level is { } level ? 1 + (int)level : 0),
            HashBytes = (byte)(Receipt?.Hash?.Length ?? 0),
            IdsBytes = (ushort)(Ids.Length * IdBytes),
            NameBytes = (ushort)Name.Bytes.Length,
            DirectoryBytes = (ushort)Staged.Directory.Bytes.Length,
            FileBytes = (ushort)Staged.File.Bytes.Length,
            Source = (uint)(Source ?? 0),
            At = At,
            Size = Size ?? 0,
            ModifiedSeconds = Modified?.Seconds ?? 0,
            ModifiedNanoseconds = Modified?.Nanoseconds ?? 0,
            Stored = Receipt?.Size ?? 0,
            Inode = Staged.Inode,
            BornSeconds = Staged.Born.Seconds,
            BornNanoseconds = Staged.Born.Nanoseconds,
        };
        MemoryMarshal.Write(destination, fields);
        destination = destination[Unsafe.SizeOf<Fixed>()..];
        MemoryMarshal.AsBytes(Ids.AsSpan()).CopyTo(destination);
        destination = destination[(Ids.Length * IdBytes)..];
        destination = destination[Encoding.ASCII.GetBytes(Receipt?.Hash, destination)..];
        destination = Append(destination, Name);
        destination = Append(destination, Staged.Directory);
        destination = Append(destination, Staged.File);
        return room - destination.Length;
    }

    /// <summary>Reads one; null when it is none that this version writes.</summary>
    public static JournalRecord? TryRead(ReadOnlySpan<byte> written)
    {
        if (written.Length < Unsafe.SizeOf<Fixed>())
        {
            return null;
        }
        Fixed fields = MemoryMarshal.Read<Fixed>(written);
        ReadOnlySpan<byte> rest = written[Unsafe.SizeOf<Fixed>()..];
        if (!fields.IsValid || rest.Length != fields.IdsBytes + fields.HashBytes + fields.NameBytes + fields.DirectoryBytes + fields.FileBytes)
        {
            return null;
        }
        ReadOnlySpan<byte> ids = Take(ref rest, fields.IdsBytes);
        string hash = Encoding.ASCII.GetString(Take(ref rest, fields.HashBytes));
        return new JournalRecord
        {
            Event = (JournalEvent)fields.Event,
            Ids = MemoryMarshal.Cast<byte, UInt128>(ids).ToArray(),
            At = fields.At,
            Name = FerryPath.FromBytes(Take(ref rest, fields.NameBytes)),
            Source = fields.Given.HasFlag(Given.Receipt) ? fields.Source : null,
            Size = fields.Given.HasFlag(Given.Size) ? fields.Size : null,
            Modified = fields.Given.HasFlag(Given.Modified) ? new FileTime(fields.ModifiedSeconds, fields.ModifiedNanoseconds) : null,
            Receipt = fields.Given.HasFlag(Given.Receipt) ? fields.ReceiptWith(ContentHash.IsText(hash) ? hash : null) : null,
            Staged = new StagedIdentity(
                FerryPath.FromBytes(Take(ref rest, fields.DirectoryBytes)),
                FerryPath.FromBytes(Take(ref rest, fields.FileBytes)),
                fields.Inode,
                new TimeStamp(fields.BornSeconds, fields.BornNanoseconds)),
        };
    }

    private static Span<byte> Append(Span<byte> destination, FerryPath path)
    {
        path.Bytes.CopyTo(destination);
        return destination[path.Bytes.Length..];
    }

    private static ReadOnlySpan<byte> Take(ref ReadOnlySpan<byte> rest, int length)
    {
        ReadOnlySpan<byte> taken = rest[..length];
        rest = rest[length..];
        return taken;
    }

    [Flags]
    private enum Given : byte
    {
        None = 0,
        Size = 1,
        Modified = 2,
        Receipt = 4,
        All = Size | Modified | Receipt,
    }

    /// <summary>A record as it stands in the file, in this machine's order of bytes; the ids, the hash's text and the bytes of the names follow.</summary>
    [StructLayout(LayoutKind.Sequential, Pack = 1)]
    private struct Fixed
    {
        public byte Event;
        public Given Given;
        public byte Checked;
        public byte How;

        /// <summary>One more than the level; 0 for none.</summary>
        public byte Level;
        public byte HashBytes;
        public ushort IdsBytes;
        public ushort NameBytes;
        public ushort DirectoryBytes;
        public ushort FileBytes;
        public uint Source;
        public long At;
        public long Size;
        public long ModifiedSeconds;
        public uint ModifiedNanoseconds;
        public long Stored;
        public ulong Inode;
        public long BornSeconds;
        public uint BornNanoseconds;

        /// <summary>False where it says what no record does; about lengths only that ids and names are not too many and too long.</summary>
        public readonly bool IsValid =>
            (JournalEvent)Event is >= JournalEvent.Intent and <= JournalEvent.Boot
            && (Given & ~Given.All) == 0
            && Given.HasFlag(Given.Receipt) == ((JournalEvent)Event == JournalEvent.Intent)
            && Enum.IsDefined((HashCheck)Checked) && Enum.IsDefined((TransferMethod)How) && (Level == 0 || Enum.IsDefined((Durability)(Level - 1)))
            && IdsBytes > 0 && IdsBytes % IdBytes == 0 && IdsBytes <= MostIds * IdBytes
            && (IdsBytes == IdBytes || (JournalEvent)Event is JournalEvent.Done or JournalEvent.Cancelled)
            && NameBytes <= ProtocolLimits.MaxStoredPathBytes
            && Size >= 0 && Stored >= 0 && ModifiedNanoseconds <= FileTime.MostNanoseconds && BornNanoseconds <= FileTime.MostNanoseconds;

        public readonly Receipt ReceiptWith(string? hash) => new()
        {
            Name = default,
            Result = ReceiptResult.Stored,
            Size = Stored,
            Hash = hash,
            Checked = hash is null ? HashCheck.None : (HashCheck)Checked,
            How = (TransferMethod)How,
            Level = Level == 0 ? null : (Durability)(Level - 1),
        };
    }
}
