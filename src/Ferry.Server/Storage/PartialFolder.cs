using System.Globalization;
using System.Text;
using Ferry.Files;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>
/// One user's directory below <c>.ferry/partials</c>: each partial file has a number as its name, and its record is beside it. Who writes a file holds a
/// lock on it, so that nobody else takes or removes it, in whatever process.
/// </summary>
internal sealed class PartialFolder(ConfinedDirectory directory, uint user) : IDisposable
{
    private const uint OwnerReadsAndWrites = 0x180; // 0600
    private const int LockAttempts = 50;

    private static readonly TimeSpan LockPause = TimeSpan.FromMilliseconds(20);

    private static ReadOnlySpan<byte> RecordEnding => ".record"u8;

    public uint User => user;

    public ConfinedDirectory Directory => directory;

    /// <summary>The number in a name, or of the file that a record is for; null for any other name.</summary>
    public static long? NumberIn(ReadOnlySpan<byte> name)
    {
        name = name.EndsWith(RecordEnding) ? name[..^RecordEnding.Length] : name;
        return long.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out long number) && StagingArea.NumberText(number).AsSpan().SequenceEqual(name)
            ? number
            : null;
    }

    public static bool IsRecord(ReadOnlySpan<byte> name) => name.EndsWith(RecordEnding);

    /// <summary>Makes a file that does not exist, locked.</summary>
    /// <param name="id">Its number, in text.</param>
    /// <param name="shownAs">The name for errors.</param>
    public SafeFileHandle Create(byte[] id, FerryPath shownAs)
    {
        SafeFileHandle file = directory.CreateFile(id, OwnerReadsAndWrites, shownAs);
        // Nobody can be before us, and a file system without locks is no reason to refuse a file.
        _ = FileCalls.TryLock(file);
        return file;
    }

    /// <summary>Opens and locks a file that is there.</summary>
    /// <param name="id">Its number, in text.</param>
    /// <param name="status">What it is, when it was opened.</param>
    /// <param name="waits">True to wait a little for somebody who has it: where no other server can, it is only looked at.</param>
    /// <returns>Null when it is not there, not a file of its own alone, or somebody else has it.</returns>
    public SafeFileHandle? TryOpen(byte[] id, out FileStatus status, bool waits = false)
    {
        status = default;
        if (!directory.TryOpenFile(id, OpenFlags.ReadWrite, out SafeFileHandle? file))
        {
            return null;
        }
        int locked = FileCalls.TryLock(file);
        for (int attempt = 1; waits && locked == Errno.EAGAIN && attempt < LockAttempts; attempt++)
        {
            Thread.Sleep(LockPause);
            locked = FileCalls.TryLock(file);
        }
        // A second name could be that of a stored file, which nobody may write to (docs/storage.md).
        if (locked != Errno.EAGAIN && FileCalls.GetStatus(file, out status) == 0 && status is { IsRegularFile: true, Links: 1 })
        {
            return file;
        }
        file.Dispose();
        return null;
    }

    /// <summary>A file that has its mode already, because it was about to be published, may be one that its owner cannot write to.</summary>
    /// <returns>When it was changed last before; null where nothing had to be done.</returns>
    public TimeStamp? MakeWritable(byte[] id)
    {
        if (!directory.TryGetStatus(id, out FileStatus status) || status is not { IsRegularFile: true, Links: 1 } || (status.Permissions & OwnerReadsAndWrites) == OwnerReadsAndWrites)
        {
            return null;
        }
        directory.SetFileMode(id, OwnerReadsAndWrites);
        return status.Changed;
    }

    /// <summary>Writes the record of a file that has none.</summary>
    public void WriteRecord(byte[] id, PartialRecord record) => WriteNew(RecordName(id), record);

    /// <summary>Writes another record in the place of the one that is there.</summary>
    public void ReplaceRecord(byte[] id, PartialRecord record)
    {
        byte[] name = RecordName(id);
        byte[] next = [.. name, .. ".next"u8];
        directory.RemoveFile(next);
        WriteNew(next, record);
        directory.Replace(next, directory, name);
    }

    /// <summary>Null when there is none that can be trusted.</summary>
    public PartialRecord? TryReadRecord(byte[] id)
    {
        if (!directory.TryOpenFile(RecordName(id), OpenFlags.ReadOnly, out SafeFileHandle? file))
        {
            return null;
        }
        using (file)
        {
            if (FileCalls.GetStatus(file, out FileStatus status) != 0 || !status.IsRegularFile || status.Size > PartialRecord.MostBytes)
            {
                return null;
            }
            byte[] bytes = new byte[status.Size];
            return FileCalls.Read(file, bytes, 0, out int length) == 0 && length == bytes.Length && PartialRecord.TryRead(bytes) is { } record && record.User == user
                ? record
                : null;
        }
    }

    /// <summary>Removes a file and its record, as far as that is possible: what stays is met again at the next start.</summary>
    public void Remove(byte[] id)
    {
        TryRemove(id);
        RemoveRecord(id);
    }

    public void RemoveRecord(byte[] id) => TryRemove(RecordName(id));

    /// <summary>Removes a name that is no partial's.</summary>
    public void TryRemove(ReadOnlySpan<byte> name)
    {
        try
        {
            directory.RemoveFile(name);
        }
        catch (FerryException)
        {
            // A file system that has become read-only, or a directory that somebody made here: nothing is lost by leaving it.
        }
    }

    public void Dispose() => directory.Dispose();

    private void WriteNew(byte[] name, PartialRecord record)
    {
        using SafeFileHandle file = directory.CreateFile(name, OwnerReadsAndWrites, record.Name);
        int error = FileCalls.WriteAll(file, record.ToBytes(), 0);
        if (error != 0)
        {
            throw directory.Failure(error, "write the record of", record.Name);
        }
    }

    private static byte[] RecordName(byte[] id) => [.. id, .. RecordEnding];

    /// <summary>The user whose directory has a name; null for any other name.</summary>
    public static uint? UserIn(ReadOnlySpan<byte> name) =>
        uint.TryParse(name, NumberStyles.None, CultureInfo.InvariantCulture, out uint user) && NameOf(user).AsSpan().SequenceEqual(name) ? user : null;

    /// <summary>The name of a user's directory.</summary>
    public static byte[] NameOf(uint user) => Encoding.ASCII.GetBytes(user.ToString(CultureInfo.InvariantCulture));
}
