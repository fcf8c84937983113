using System.Buffers;
using System.Buffers.Binary;
using System.Formats.Cbor;
using System.IO.Hashing;
using Ferry.Files;
using Ferry.Native;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// A file of records, to which is only ever appended. What does not read as a record ends it: a tail torn by a crash, or whatever else stands there.
/// </summary>
internal sealed class JournalFile : IDisposable
{
    /// <summary>Larger than any that is written here; such a one is not read into memory.</summary>
    public const long MostBytes = 64 << 20;

    private const uint OwnerReadsAndWrites = 0x180; // 0600

    /// <summary>Records of one write where it need not be one alone.</summary>
    private const int Piece = 1000;

    private static readonly byte[] Heading = "ferry journal 1\n"u8.ToArray();

    private readonly ConfinedDirectory directory;
    private readonly FerryPath name;
    private readonly SafeFileHandle handle;
    private readonly ArrayBufferWriter<byte> encoded = new();
    private readonly CborWriter cbor = new(CborConformanceMode.Lax, convertIndefiniteLengthEncodings: true);

    // Each record:
    // offset  size
    //      0     4  length of the payload, little-endian
    //      4     8  XXH3 of the payload, little-endian
    //     12        payload, a CBOR map
    private const int FrameSize = 12;

    private JournalFile(ConfinedDirectory directory, FerryPath name, SafeFileHandle handle)
    {
        this.directory = directory;
        this.name = name;
        this.handle = handle;
    }

    /// <summary>Bytes of what reads as records.</summary>
    public long Length { get; private set; }

    /// <summary>Opens a file or makes it, and reads its records; a torn tail is cut off.</summary>
    /// <exception cref="FerryException">It cannot be opened or read.</exception>
    public static JournalFile Open(ConfinedDirectory directory, FerryPath name, Action<JournalRecord> read)
    {
        var file = new JournalFile(directory, name, directory.OpenOrCreateFile(name.Bytes, OwnerReadsAndWrites));
        try
        {
            file.ReadAll(read);
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Makes a new file with the given records, flushed, in the place of the one with that name.</summary>
    /// <exception cref="FerryException">It cannot be written; the old one is as it was.</exception>
    public static JournalFile Rewrite(ConfinedDirectory directory, FerryPath name, IEnumerable<JournalRecord> records)
    {
        FerryPath fresh = FerryPath.FromBytes([.. name.Bytes, .. ".new"u8]);
        directory.RemoveFile(fresh.Bytes);
        var file = new JournalFile(directory, name, directory.CreateFile(fresh.Bytes, OwnerReadsAndWrites, fresh));
        try
        {
            file.Begin();
            foreach (JournalRecord[] piece in records.Chunk(Piece))
            {
                file.Append(piece);
            }
            file.Flush();
            directory.Replace(fresh.Bytes, directory, name.Bytes);
            directory.Flush();
            return file;
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Appends records in one write. When that fails nothing of them remains, or the file is of no more use.</summary>
    /// <exception cref="FerryException">It could not be written.</exception>
    public void Append(IEnumerable<JournalRecord> records)
    {
        ReadOnlySpan<byte> bytes = Encode(records);
        int error = FileCalls.WriteAll(handle, bytes, Length);
        if (error != 0)
        {
            // Part of it may be there and read as a record.
            IsBroken = FileCalls.Truncate(handle, Length) != 0;
            throw directory.Failure(error, "write the journal", name.Bytes);
        }
        Length += bytes.Length;
    }

    /// <summary>True when it can only be replaced: what it holds is not known.</summary>
    public bool IsBroken { get; private set; }

    /// <summary>False when somebody else has removed, replaced or cut the file.</summary>
    public bool IsAsItWasLeft => FileCalls.GetStatus(handle, out FileStatus status) == 0 && status.Links > 0 && status.Size == Length;

    /// <summary>Flushes what was appended. One caller at a time: an error is told once.</summary>
    /// <exception cref="FerryException">What was appended since the last flush may be lost.</exception>
    public void Flush()
    {
        int error = FileCalls.Flush(handle);
        if (error != 0)
        {
            IsBroken = true;
            throw directory.Failure(error, "flush the journal", name.Bytes);
        }
    }

    public void Dispose() => handle.Dispose();

    private ReadOnlySpan<byte> Encode(IEnumerable<JournalRecord> records)
    {
        encoded.ResetWrittenCount();
        foreach (JournalRecord record in records)
        {
            cbor.Reset();
            record.Write(cbor);
            Span<byte> frame = encoded.GetSpan(FrameSize + cbor.BytesWritten);
            ReadOnlySpan<byte> payload = frame.Slice(FrameSize, cbor.Encode(frame[FrameSize..]));
            BinaryPrimitives.WriteInt32LittleEndian(frame, payload.Length);
            BinaryPrimitives.WriteUInt64LittleEndian(frame[4..], XxHash3.HashToUInt64(payload));
            encoded.Advance(FrameSize + payload.Length);
        }
        return encoded.WrittenSpan;
    }

    private void Begin()
    {
        int error = FileCalls.Truncate(handle, 0);
        error = error == 0 ? FileCalls.WriteAll(handle, Heading, 0) : error;
        if (error != 0)
        {
            throw directory.Failure(error, "write the journal", name.Bytes);
        }
        Length = Heading.Length;
    }

    private void ReadAll(Action<JournalRecord> read)
    {
        byte[] bytes = ReadBytes();
        if (!bytes.AsSpan().StartsWith(Heading))
        {
            Begin();
            return;
        }
        int at = Heading.Length;
        CborReader cbor = MessageReader.NewCborReader();
        while (TryRead(cbor, bytes.AsMemory(at), out JournalRecord? record, out int length))
        {
            read(record);
            at += length;
        }
        Length = at;
        int error = at < bytes.Length ? FileCalls.Truncate(handle, at) : 0;
        if (error != 0)
        {
            throw directory.Failure(error, "cut the journal", name.Bytes);
        }
    }

    private byte[] ReadBytes()
    {
        int error = FileCalls.GetStatus(handle, out FileStatus status);
        byte[] bytes = error == 0 && status.IsRegularFile && status.Size <= MostBytes ? new byte[status.Size] : [];
        int filled = 0;
        while (error == 0 && filled < bytes.Length)
        {
            error = FileCalls.Read(handle, bytes.AsSpan(filled), filled, out int read);
            filled += read;
            if (read == 0)
            {
                break;
            }
        }
        return error == 0 ? bytes[..filled] : throw directory.Failure(error, "read the journal", name.Bytes);
    }

    private static bool TryRead(CborReader cbor, ReadOnlyMemory<byte> bytes, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out JournalRecord? record, out int length)
    {
        (record, length) = (null, 0);
        if (bytes.Length < FrameSize)
        {
            return false;
        }
        int size = BinaryPrimitives.ReadInt32LittleEndian(bytes.Span);
        if (size is < 1 or > JournalRecord.MostBytes || size > bytes.Length - FrameSize)
        {
            return false;
        }
        ReadOnlyMemory<byte> payload = bytes.Slice(FrameSize, size);
        if (XxHash3.HashToUInt64(payload.Span) != BinaryPrimitives.ReadUInt64LittleEndian(bytes.Span[4..]))
        {
            return false;
        }
        try
        {
            record = JournalRecord.Read(cbor, payload);
            length = FrameSize + size;
            return true;
        }
        catch (FerryException)
        {
            // A record of a later version, or chance. What follows it may depend on it.
            return false;
        }
    }
}
