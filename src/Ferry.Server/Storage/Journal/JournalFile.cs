using System.Buffers;
using System.Buffers.Binary;
using System.IO.Hashing;
using Ferry.Files;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// A file of records, to which is only ever appended. What does not read as a record ends it: a tail torn by a crash, or whatever else stands there.
/// </summary>
internal sealed class JournalFile : IDisposable
{
    /// <summary>A larger one is not read. Long before that it is written anew, unless that fails over and over.</summary>
    public const long MostBytes = 256 << 20;

    private const uint OwnerReadsAndWrites = 0x180; // 0600

    private static readonly byte[] Heading = "ferry journal 2\n"u8.ToArray();

    private readonly ConfinedDirectory directory;
    private readonly FerryPath name;
    private readonly SafeFileHandle handle;
    private readonly ArrayBufferWriter<byte> added = new();

    // Each record:
    // offset  size
    //      0     4  length of the payload, little-endian
    //      4     8  XXH3 of the payload, little-endian
    //     12        payload: a JournalRecord
    private const int FrameSize = 12;

    /// <summary>What was read last: who reads one record mostly reads the next as well. Any record has room in it.</summary>
    private readonly byte[] window = new byte[2 * JournalRecord.MostBytes];
    private long windowStart;
    private int windowLength;

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

    /// <summary>Makes a new file, flushed, in the place of the one with that name. It is broken when only the flush of its name failed.</summary>
    /// <param name="directory">Where it is.</param>
    /// <param name="name">Its name.</param>
    /// <param name="fill">Writes its records.</param>
    /// <exception cref="FerryException">It cannot be written; the old one is as it was.</exception>
    public static JournalFile Rewrite(ConfinedDirectory directory, FerryPath name, Action<JournalFile> fill)
    {
        FerryPath fresh = FerryPath.FromBytes([.. name.Bytes, .. ".new"u8]);
        directory.RemoveFile(fresh.Bytes);
        var file = new JournalFile(directory, name, directory.OpenOrCreateFile(fresh.Bytes, OwnerReadsAndWrites));
        try
        {
            file.Begin();
            fill(file);
            file.Flush();
            directory.Replace(fresh.Bytes, directory, name.Bytes);
        }
        catch
        {
            file.Dispose();
            throw;
        }
        try
        {
            directory.Flush();
        }
        catch (FerryException)
        {
            // It has the name, and the old one has none any more; but which of the two a power cut leaves is not known.
            file.IsBroken = true;
        }
        return file;
    }

    /// <summary>Appends records in one write. When that fails nothing of them remains, or the file is of no more use.</summary>
    /// <exception cref="FerryException">It could not be written.</exception>
    public void Append(IReadOnlyList<JournalRecord> records)
    {
        foreach (JournalRecord record in records)
        {
            Add(record);
        }
        Write();
    }

    /// <summary>Adds a record to what the next <see cref="Write"/> appends, and notes where it will stand.</summary>
    public void Add(JournalRecord record)
    {
        record.Offset = Length + added.WrittenCount;
        Span<byte> frame = added.GetSpan(FrameSize + JournalRecord.MostBytes);
        int length = record.Write(frame[FrameSize..]);
        BinaryPrimitives.WriteInt32LittleEndian(frame, length);
        BinaryPrimitives.WriteUInt64LittleEndian(frame[4..], XxHash3.HashToUInt64(frame.Slice(FrameSize, length)));
        added.Advance(FrameSize + length);
    }

    /// <summary>Adds a record of another file as it stands there; false when there is none any more.</summary>
    /// <param name="other">The file.</param>
    /// <param name="offset">Where it stands there.</param>
    /// <param name="place">Where it will stand here.</param>
    /// <exception cref="FerryException">The other file cannot be read.</exception>
    public bool TryAddFrom(JournalFile other, long offset, out long place)
    {
        ReadOnlyMemory<byte> frame = other.ReadFrame(offset);
        place = Length + added.WrittenCount;
        added.Write(frame.Span);
        return !frame.IsEmpty;
    }

    /// <summary>Appends what was added, in one write. When that fails nothing of it remains, or the file is of no more use.</summary>
    /// <exception cref="FerryException">It could not be written.</exception>
    public void Write()
    {
        int error = FileCalls.WriteAll(handle, added.WrittenSpan, Length);
        int length = added.WrittenCount;
        added.ResetWrittenCount();
        if (error != 0)
        {
            // Part of it may be there and read as a record.
            IsBroken = Cut(Length) != 0;
            throw directory.Failure(error, "write the journal", name.Bytes);
        }
        Length += length;
    }

    /// <summary>Reads the record that stands somewhere; null when none does any more.</summary>
    /// <exception cref="FerryException">The file cannot be read.</exception>
    public JournalRecord? TryRead(long offset) => TryRead(offset, out _);

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

    private void Begin()
    {
        int error = Cut(0);
        error = error == 0 ? FileCalls.WriteAll(handle, Heading, 0) : error;
        if (error != 0)
        {
            throw directory.Failure(error, "write the journal", name.Bytes);
        }
        Length = Heading.Length;
    }

    private void ReadAll(Action<JournalRecord> read)
    {
        int error = FileCalls.GetStatus(handle, out FileStatus status);
        if (error != 0)
        {
            throw directory.Failure(error, "look at the journal", name.Bytes);
        }
        Length = status.IsRegularFile && status.Size <= MostBytes ? status.Size : 0;
        if (!Peek(0, Heading.Length).Span.SequenceEqual(Heading))
        {
            Begin();
            return;
        }
        long at = Heading.Length;
        while (TryRead(at, out int length) is { } record)
        {
            read(record);
            at += length;
        }
        error = at < Length ? Cut(at) : 0;
        if (error != 0)
        {
            throw directory.Failure(error, "cut the journal", name.Bytes);
        }
        Length = at;
    }

    private int Cut(long length)
    {
        // Other bytes will stand where those were.
        windowLength = 0;
        return FileCalls.Truncate(handle, length);
    }

    private JournalRecord? TryRead(long offset, out int length)
    {
        ReadOnlySpan<byte> frame = ReadFrame(offset).Span;
        length = frame.Length;
        JournalRecord? record = frame.IsEmpty ? null : JournalRecord.TryRead(frame[FrameSize..]);
        if (record is not null)
        {
            record.Offset = offset;
        }
        return record;
    }

    /// <summary>A record with its frame, until the next read; empty when it is not whole.</summary>
    private ReadOnlyMemory<byte> ReadFrame(long offset)
    {
        ReadOnlySpan<byte> start = Peek(offset, FrameSize).Span;
        if (start.Length < FrameSize || BinaryPrimitives.ReadInt32LittleEndian(start) is not (>= 1 and <= JournalRecord.MostBytes and var size))
        {
            return default;
        }
        ReadOnlyMemory<byte> frame = Peek(offset, FrameSize + size);
        return frame.Length == FrameSize + size && XxHash3.HashToUInt64(frame.Span[FrameSize..]) == BinaryPrimitives.ReadUInt64LittleEndian(frame.Span[4..]) ? frame : default;
    }

    /// <summary>Bytes of the file, fewer than asked for where it ends.</summary>
    private ReadOnlyMemory<byte> Peek(long offset, int length)
    {
        if (offset < windowStart || offset + length > windowStart + windowLength)
        {
            FillWindow(offset);
        }
        int start = (int)(offset - windowStart);
        return window.AsMemory(start, Math.Min(length, windowLength - start));
    }

    private void FillWindow(long offset)
    {
        (windowStart, windowLength) = (offset, 0);
        // What is appended later is not there yet.
        int most = (int)Math.Clamp(Length - offset, 0, window.Length);
        int read = 1;
        while (windowLength < most && read > 0)
        {
            int error = FileCalls.Read(handle, window.AsSpan(windowLength, most - windowLength), offset + windowLength, out read);
            if (error != 0)
            {
                throw directory.Failure(error, "read the journal", name.Bytes);
            }
            windowLength += read;
        }
    }
}
