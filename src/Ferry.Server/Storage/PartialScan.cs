using Ferry.Files;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>Reads what an earlier server left in <c>.ferry/partials</c>. What cannot be trusted is removed; nobody else writes there, because the lock is ours.</summary>
internal static class PartialScan
{
    /// <summary>Blocks reserved behind a file's end, beyond what is left of its last block, are given back.</summary>
    private const long MostUnused = 1 << 20;

    /// <summary>The partial files that can be trusted, those written last first.</summary>
    /// <param name="directory">The directory of all users'.</param>
    /// <param name="folderOf">Opens that of one user; the caller closes it.</param>
    public static List<(PartialFolder Folder, byte[] Id, PartialRecord Record, FileStatus Status)> Run(ConfinedDirectory directory, Func<uint, PartialFolder> folderOf)
    {
        List<(PartialFolder Folder, byte[] Id, PartialRecord Record, FileStatus Status)> found = [];
        foreach (FerryPath name in directory.ReadNames())
        {
            if (PartialFolder.UserIn(name.Bytes) is not { } user)
            {
                continue;
            }
            PartialFolder folder = folderOf(user);
            foreach ((byte[] id, PartialRecord record, FileStatus status) in Read(folder))
            {
                found.Add((folder, id, record, status));
            }
        }
        return [.. found.OrderByDescending(item => (item.Status.Modified.Seconds, item.Status.Modified.Nanoseconds))];
    }

    private static IEnumerable<(byte[] Id, PartialRecord Record, FileStatus Status)> Read(PartialFolder folder)
    {
        IReadOnlyList<FerryPath> names = folder.Directory.ReadNames();
        HashSet<long> kept = [];
        foreach (FerryPath name in names.Where(name => !PartialFolder.IsRecord(name.Bytes)))
        {
            if (PartialFolder.NumberIn(name.Bytes) is { } number && TryRead(folder, StagingArea.NumberText(number)) is { } part)
            {
                kept.Add(number);
                yield return part;
            }
        }
        foreach (FerryPath name in names.Where(name => PartialFolder.NumberIn(name.Bytes) is not { } number || !kept.Contains(number)))
        {
            folder.TryRemove(name.Bytes);
        }
    }

    private static (byte[] Id, PartialRecord Record, FileStatus Status)? TryRead(PartialFolder folder, byte[] id)
    {
        try
        {
            TimeStamp? changed = folder.MakeWritable(id);
            using SafeFileHandle? file = folder.TryOpen(id, out FileStatus status, waits: true);
            if (file is null || status.Size < PartialFile.LeastKept || folder.TryReadRecord(id) is not { } record || status.Size > record.Size)
            {
                return null;
            }
            // Whose server was killed just before it was published has the source's time already.
            bool isComplete = record.Modified == FileTime.Of(status.Modified);
            bool hasUnused = status.OccupiedBytes - status.Size > MostUnused;
            if (hasUnused && FileCalls.Truncate(file, status.Size) != 0)
            {
                return null;
            }
            if (hasUnused || isComplete)
            {
                // Its age does not begin anew.
                TimeStamp written = isComplete ? changed ?? status.Changed : status.Modified;
                if (FileCalls.SetModified(file, written.Seconds, written.Nanoseconds) != 0 || FileCalls.GetStatus(file, out status) != 0)
                {
                    return null;
                }
            }
            return (id, record, status);
        }
        catch (FerryException)
        {
            // It cannot be read, so it cannot be gone on with.
            return null;
        }
    }
}
