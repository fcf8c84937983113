using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>
/// Walks what is to be sent, in constant memory. The path that the user named may be a symbolic link; below it none is followed, and
/// everything is opened relative to its directory's descriptor: the tree may be a stranger's, who changes it meanwhile. Mounted
/// file systems below it are walked like any directory.
/// </summary>
internal static class SourceTree
{
    /// <summary>Directories of a walk that keep their descriptor; those further up are opened again when the walk comes back to them.</summary>
    private const int MostOpenDirectories = 64;

    private const int MostLevels = 1000;

    public const int OpenDirectory = OpenFlags.ReadOnly | OpenFlags.NonBlocking;
    public const int OpenFile = OpenFlags.ReadOnly | OpenFlags.NonBlocking | OpenFlags.NoControllingTerminal;

    /// <summary>Walks a path depth first: a directory, what is in it, its end. Who takes an entry with a file disposes that.</summary>
    public static IEnumerable<SourceEntry> Walk(SourcePath source) => Find(source).Select(entry => entry.Found is { } found ? found.Open() : entry);

    /// <summary>The same with files that are found and not yet opened, which must happen before the walk goes on to another directory.</summary>
    public static IEnumerable<SourceEntry> Find(SourcePath source)
    {
        switch (source.Kind)
        {
            case SourceKind.File:
                return [Found(FileCalls.WorkingDirectory, source.Path.Bytes.ToArray(), default, OpenFile)];
            case SourceKind.Directory:
                return WalkDirectory(source.Path);
            case SourceKind.Socket:
                return [SourceEntry.Unreadable(default, $"{source.Path} is a socket; to send to it write --at {source.Path}")];
            case SourceKind.Stream:
                return [SourceEntry.Unreadable(default, $"{source.Path} is read as a stream, which needs a name to arrive under")];
            default:
                return [SourceEntry.Unreadable(default, source.Reason!)];
        }
    }

    /// <summary>Opens a FIFO, a device or a descriptor of this process to be read once.</summary>
    /// <exception cref="FerryException">It cannot be opened.</exception>
    public static Stream OpenStream(SourcePath source)
    {
        int error = FileCalls.Open(
            FileCalls.WorkingDirectory, source.Path.Bytes, OpenFlags.ReadOnly | OpenFlags.NoControllingTerminal, 0, out SafeFileHandle handle);
        if (error == 0)
        {
            return new FileStream(handle, FileAccess.Read, bufferSize: 0, isAsync: false);
        }
        handle.Dispose();
        throw new FerryException(FerryErrorCode.SourceUnreadable, $"cannot read {source.Path}: {Errno.Describe(error)}");
    }

    private static IEnumerable<SourceEntry> WalkDirectory(FerryPath path)
    {
        var above = new List<DirectoryReader>();
        SourceEntry entered = EnterDirectory(FileCalls.WorkingDirectory, path.Bytes, default, OpenDirectory, out DirectoryReader? current);
        yield return entered;
        try
        {
            while (current is not null)
            {
                if (current.TryNext(out byte[] name, out DirectoryEntryType type, out int error))
                {
                    SourceEntry entry = Open(current, name, type, above.Count, out DirectoryReader? below);
                    if (below is not null)
                    {
                        Descend(above, ref current, below);
                    }
                    yield return entry;
                    continue;
                }
                if (error != 0)
                {
                    yield return SourceEntry.Unreadable(current.Name, $"cannot read the rest of the directory: {Errno.Describe(error)}");
                }
                yield return new SourceEntry(SourceEvent.LeaveDirectory, current.Name);
                foreach (SourceEntry lost in Ascend(above, ref current))
                {
                    yield return lost;
                }
            }
        }
        finally
        {
            current?.Dispose();
            above.ForEach(directory => directory.Dispose());
        }
    }

    private static void Descend(List<DirectoryReader> above, ref DirectoryReader current, DirectoryReader below)
    {
        above.Add(current);
        current = below;
        if (above.Count > MostOpenDirectories)
        {
            above[^(MostOpenDirectories + 1)].Suspend();
        }
    }

    /// <summary>Goes back to the directory above. Where that was moved meanwhile, it cannot be read on, nor can those above it.</summary>
    private static List<SourceEntry> Ascend(List<DirectoryReader> above, ref DirectoryReader? current)
    {
        using DirectoryReader left = current!;
        List<SourceEntry> lost = [];
        current = null;
        while (current is null && above.Count > 0)
        {
            DirectoryReader parent = above[^1];
            above.RemoveAt(above.Count - 1);
            if (lost.Count == 0 && parent.TryResume(left.Handle))
            {
                current = parent;
                continue;
            }
            if (!parent.Handle.IsClosed)
            {
                current = parent;
                continue;
            }
            lost.Add(SourceEntry.Unreadable(parent.Name, "the directory was moved while it was read; the rest of it is not sent"));
            lost.Add(new SourceEntry(SourceEvent.LeaveDirectory, parent.Name));
        }
        return lost;
    }

    private static SourceEntry Open(DirectoryReader directory, byte[] name, DirectoryEntryType type, int level, out DirectoryReader? below)
    {
        below = null;
        FerryPath path = directory.Name.IsEmpty ? FerryPath.FromBytes(name) : FerryPath.FromBytes([.. directory.Name.Bytes, (byte)'/', .. name]);
        if (type == DirectoryEntryType.Unknown)
        {
            int error = FileCalls.GetStatus(directory.Handle, name, out FileStatus status);
            if (error != 0)
            {
                return SourceEntry.Unreadable(path, error);
            }
            type = status.EntryType;
        }
        switch (type)
        {
            case DirectoryEntryType.RegularFile:
                return Found(directory.Handle, name, path, OpenFile | OpenFlags.NoFollow);
            case DirectoryEntryType.Directory when level + 2 > MostLevels:
                return SourceEntry.Unreadable(path, $"deeper than {MostLevels} levels");
            case DirectoryEntryType.Directory:
                return EnterDirectory(directory.Handle, name, path, OpenDirectory | OpenFlags.NoFollow, out below);
            default:
                return SourceEntry.Special(path, type.Describe());
        }
    }

    private static SourceEntry EnterDirectory(SafeFileHandle parent, ReadOnlySpan<byte> name, FerryPath path, int flags, out DirectoryReader? reader)
    {
        reader = null;
        int error = FileCalls.Open(parent, name, flags | OpenFlags.Directory, 0, out SafeFileHandle handle);
        if (error == 0 && (error = FileCalls.GetStatus(handle, out FileStatus status)) == 0)
        {
            reader = new DirectoryReader(path, handle, status);
            return new SourceEntry(SourceEvent.EnterDirectory, path, SourceFile.MetadataOf(status));
        }
        handle.Dispose();
        return SourceEntry.Unreadable(path, error);
    }

    private static SourceEntry Found(SafeFileHandle parent, byte[] name, FerryPath path, int flags) =>
        new(SourceEvent.File, path, Found: new FoundFile(parent, name, path, flags));
}
