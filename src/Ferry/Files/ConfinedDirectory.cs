using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>
/// A root, or a directory below one, held open. Directories below are reached with openat2, which follows no symbolic
/// link and enters no other file system (invariant 5); everything else is done on single components of an open
/// directory, where there is nothing left to resolve. No other code opens a path that must stay below a root.
/// </summary>
internal sealed class ConfinedDirectory : IDisposable
{
    private const ResolveFlags Confined =
        ResolveFlags.Beneath | ResolveFlags.NoSymbolicLinks | ResolveFlags.NoMagicLinks | ResolveFlags.NoCrossMounts;

    /// <summary>The kernel takes no longer path in one call.</summary>
    private const int LongestPath = 4095;

    private const byte Separator = (byte)'/';

    private readonly ConfinedRoot root;
    private readonly SafeFileHandle handle;

    private ConfinedDirectory(ConfinedRoot root, SafeFileHandle handle, FerryPath path, in FileStatus status)
    {
        this.root = root;
        this.handle = handle;
        Path = path;
        Status = status;
    }

    /// <summary>The path below the root; empty for the root itself.</summary>
    public FerryPath Path { get; }

    /// <summary>The directory's status when it was opened.</summary>
    public FileStatus Status { get; }

    /// <summary>Opens a root. Its own path is the operator's: it may lead anywhere and through symbolic links.</summary>
    /// <exception cref="FerryException">It is missing, no directory, not readable, or the kernel has no openat2.</exception>
    public static ConfinedDirectory OpenRoot(FerryPath path)
    {
        ConfinedRoot root = ConfinedRoot.Open(path);
        return new ConfinedDirectory(root, root.Handle, default, root.Status);
    }

    /// <summary>Opens a directory below this one.</summary>
    /// <param name="path">One component or several.</param>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.SymbolicLink"/>, <see cref="FerryErrorCode.CrossesMount"/>,
    /// <see cref="FerryErrorCode.NotDirectory"/>, or that it is missing or cannot be opened.</exception>
    public ConfinedDirectory OpenDirectory(ReadOnlySpan<byte> path) =>
        TryOpenDirectory(path, out ConfinedDirectory? directory) ? directory : throw Failure(Errno.ENOENT, "open", path);

    /// <summary>Opens a directory below this one; false when it does not exist.</summary>
    public bool TryOpenDirectory(ReadOnlySpan<byte> path, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ConfinedDirectory? directory)
    {
        directory = null;
        int error = OpenInSteps(path, out SafeFileHandle opened);
        if (error == Errno.ENOENT && !root.IsGone)
        {
            return false;
        }
        if (error != 0)
        {
            throw Failure(error, "open", path);
        }
        error = FileCalls.GetStatus(opened, out FileStatus status);
        // A btrfs subvolume is no mount point to openat2, but it is another device.
        if (error == 0 && status.Device != root.Status.Device)
        {
            error = Errno.EXDEV;
        }
        if (error != 0)
        {
            opened.Dispose();
            throw Failure(error, "open", path);
        }
        directory = new ConfinedDirectory(root, opened, FullPath(path), status);
        return true;
    }

    /// <summary>Makes a directory; false when the name exists, whatever it is.</summary>
    /// <param name="name">One component.</param>
    /// <param name="mode">Permission bits before the umask.</param>
    public bool TryMakeDirectory(ReadOnlySpan<byte> name, uint mode)
    {
        int error = FileCalls.MakeDirectory(handle, Component(name), mode);
        return error switch
        {
            0 => true,
            Errno.EEXIST => false,
            _ => throw Failure(error, "make the directory", name),
        };
    }

    /// <summary>Makes a file that does not exist and opens it for writing.</summary>
    /// <param name="name">One component.</param>
    /// <param name="mode">Permission bits before the umask.</param>
    /// <param name="shownAs">The name for errors, when this one is temporary.</param>
    public SafeFileHandle CreateFile(ReadOnlySpan<byte> name, uint mode, FerryPath shownAs) =>
        OpenFile(name, OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive, mode, shownAs);

    /// <summary>Opens a file for reading and writing, and makes it when it does not exist.</summary>
    /// <param name="name">One component.</param>
    /// <param name="mode">Permission bits before the umask.</param>
    public SafeFileHandle OpenOrCreateFile(ReadOnlySpan<byte> name, uint mode) =>
        OpenFile(name, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.NonBlocking, mode, FullPath(name));

    /// <summary>Opens a file that is there; false when it does not exist. What it is shows in its status.</summary>
    /// <param name="name">One component.</param>
    /// <param name="access">One of <see cref="OpenFlags"/> that say whether it is read, written or both.</param>
    /// <param name="file">The file; owned by the caller.</param>
    public bool TryOpenFile(ReadOnlySpan<byte> name, int access, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out SafeFileHandle? file)
    {
        var how = new OpenHow(access | OpenFlags.NonBlocking | OpenFlags.NoFollow, 0, Confined);
        int error = FileCalls.Open(handle, Component(name), how, out SafeFileHandle opened);
        file = error == 0 ? opened : null;
        return error switch
        {
            0 => true,
            Errno.ENOENT => false,
            _ => throw Failure(error, "open", name),
        };
    }

    /// <summary>Reads the status of a name, of a symbolic link itself; false when it does not exist.</summary>
    /// <param name="name">One component.</param>
    /// <param name="status">The status.</param>
    public bool TryGetStatus(ReadOnlySpan<byte> name, out FileStatus status)
    {
        int error = FileCalls.GetStatus(handle, Component(name), out status);
        return error switch
        {
            0 => true,
            Errno.ENOENT => false,
            _ => throw Failure(error, "look at", name),
        };
    }

    /// <summary>Moves a file to a name that does not exist; false when it does, whatever it is.</summary>
    public bool TryRename(ReadOnlySpan<byte> name, ConfinedDirectory to, ReadOnlySpan<byte> newName)
    {
        int error = FileCalls.RenameNew(handle, Component(name), to.handle, Component(newName));
        if (error == Errno.EINVAL)
        {
            // This file system has no rename that refuses to replace. A second hard link refuses as well.
            error = FileCalls.Link(handle, name, to.handle, newName);
            if (error == 0)
            {
                // Published. Should the first name stay for whatever reason, it is swept with its directory.
                _ = FileCalls.RemoveFile(handle, name);
            }
        }
        return error switch
        {
            0 => true,
            Errno.EEXIST => false,
            _ => throw to.Failure(error, "store", newName),
        };
    }

    /// <summary>Moves a file to a name, in whose place it comes atomically; a directory is never replaced.</summary>
    public void Replace(ReadOnlySpan<byte> name, ConfinedDirectory to, ReadOnlySpan<byte> newName) =>
        to.Check(FileCalls.Rename(handle, Component(name), to.handle, Component(newName)), "replace", newName);

    /// <summary>Moves a directory to a name that does not exist; false when it does, whatever it is.</summary>
    public bool TryRenameDirectory(ReadOnlySpan<byte> name, ConfinedDirectory to, ReadOnlySpan<byte> newName)
    {
        int error = FileCalls.RenameNew(handle, Component(name), to.handle, Component(newName));
        return error switch
        {
            0 => true,
            Errno.EEXIST => false,
            _ => throw to.Failure(error, "store", newName),
        };
    }

    /// <summary>Exchanges a name here with one elsewhere, in one step; false where the file system cannot.</summary>
    public bool TryExchange(ReadOnlySpan<byte> name, ConfinedDirectory with, ReadOnlySpan<byte> otherName)
    {
        int error = FileCalls.Exchange(handle, Component(name), with.handle, Component(otherName));
        return error switch
        {
            0 => true,
            Errno.EINVAL or Errno.ENOSYS or Errno.EXDEV => false,
            _ => throw with.Failure(error, "replace", otherName),
        };
    }

    /// <summary>Sets the permission bits of a file, which must be no link, without opening it.</summary>
    /// <param name="name">One component.</param>
    /// <param name="mode">The bits.</param>
    public void SetFileMode(ReadOnlySpan<byte> name, uint mode) => Check(FileCalls.SetMode(handle, Component(name), mode), "set the mode of", name);

    /// <summary>Flushes a file to the device.</summary>
    /// <param name="name">One component.</param>
    public void FlushFile(ReadOnlySpan<byte> name)
    {
        using SafeFileHandle file = OpenFile(name, OpenFlags.ReadOnly | OpenFlags.NonBlocking, 0, FullPath(name));
        Check(FileCalls.Flush(file), "flush", name);
    }

    /// <summary>Removes a file; one that is gone already is as good.</summary>
    public void RemoveFile(ReadOnlySpan<byte> name)
    {
        int error = FileCalls.RemoveFile(handle, Component(name));
        Check(error == Errno.ENOENT ? 0 : error, "remove", name);
    }

    /// <summary>Removes an empty directory; one that is gone already is as good.</summary>
    public void RemoveDirectory(ReadOnlySpan<byte> name)
    {
        int error = FileCalls.RemoveDirectory(handle, Component(name));
        Check(error == Errno.ENOENT ? 0 : error, "remove", name);
    }

    /// <summary>Sets this directory's permission bits.</summary>
    public void SetMode(uint mode) => Check(FileCalls.SetMode(handle, mode), "set the mode of", []);

    /// <summary>Gives this directory to a group; the owner stays.</summary>
    public void SetGroup(uint group) => Check(FileCalls.SetGroup(handle, group), "give the group of its setgid directory to", []);

    /// <summary>Sets the time of this directory's last change; any later change of an entry sets it anew.</summary>
    public void SetModified(FileTime time) => Check(FileCalls.SetModified(handle, time.Seconds, time.Nanoseconds), "set the time of", []);

    /// <summary>Flushes this directory's entries to the device.</summary>
    public void Flush() => Check(FileCalls.Flush(handle), "flush", []);

    /// <summary>Flushes everything on the file system, content and names.</summary>
    public void FlushFileSystem() => Check(FileCalls.FlushFileSystem(handle), "flush the file system of", []);

    /// <summary>Reads the status of the file system.</summary>
    public FileSystemStatus GetFileSystemStatus()
    {
        Check(FileCalls.GetFileSystemStatus(handle, out FileSystemStatus status), "look at the file system of", []);
        return status;
    }

    /// <summary>Whether this process may create and remove names here.</summary>
    /// <exception cref="FerryException">It may not.</exception>
    public void CheckWritable() => Check(FileCalls.CheckWritable(handle), "write into", []);

    /// <summary>True when the directory was removed since it was opened.</summary>
    public bool IsRemoved => FileCalls.GetStatus(handle, out FileStatus status) == 0 && status.Links == 0;

    /// <summary>The names in this directory, read from the beginning.</summary>
    public IReadOnlyList<FerryPath> ReadNames()
    {
        Check(FileCalls.Open(handle, "."u8, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle reader), "read", []);
        using (reader)
        {
            var names = new List<FerryPath>();
            byte[] buffer = new byte[32 * 1024];
            while (true)
            {
                Check(FileCalls.ReadDirectory(reader, buffer, out int length), "read", []);
                if (length == 0)
                {
                    return names;
                }
                ReadOnlySpan<byte> entries = buffer.AsSpan(0, length);
                while (DirectoryEntry.TryTake(ref entries, out DirectoryEntry entry))
                {
                    names.Add(FerryPath.FromBytes(entry.Name));
                }
            }
        }
    }

    /// <summary>Makes the error for a failed call on a name in this directory.</summary>
    /// <param name="error">The errno.</param>
    /// <param name="action">What was tried, as an infinitive.</param>
    /// <param name="name">One component; empty for this directory itself.</param>
    public FerryException Failure(int error, string action, ReadOnlySpan<byte> name) => root.Failure(error, action, FullPath(name));

    /// <summary>Makes the error for a failed call on an open file that has the given name, or will have it.</summary>
    public FerryException Failure(int error, string action, FerryPath shownAs) => root.Failure(error, action, shownAs);

    /// <summary>Closes it. The root must outlive the directories below it.</summary>
    public void Dispose() => handle.Dispose();

    private int OpenInSteps(ReadOnlySpan<byte> path, out SafeFileHandle opened)
    {
        SafeFileHandle from = handle;
        var step = new OpenHow(OpenFlags.Path | OpenFlags.Directory, 0, Confined);
        var last = new OpenHow(OpenFlags.ReadOnly | OpenFlags.Directory, 0, Confined);
        while (true)
        {
            int end = path.Length <= LongestPath ? path.Length : path[..(LongestPath + 1)].LastIndexOf(Separator);
            if (end < 0)
            {
                opened = from;
                return Errno.ENAMETOOLONG;
            }
            int error = FileCalls.Open(from, path[..end], end == path.Length ? last : step, out opened);
            if (from != handle)
            {
                from.Dispose();
            }
            if (error != 0 || end == path.Length)
            {
                return error;
            }
            from = opened;
            path = path[(end + 1)..];
        }
    }

    private SafeFileHandle OpenFile(ReadOnlySpan<byte> name, int flags, uint mode, FerryPath shownAs)
    {
        int error = FileCalls.Open(handle, Component(name), new OpenHow(flags | OpenFlags.NoFollow, mode, Confined), out SafeFileHandle file);
        return error == 0 ? file : throw Failure(error, "create", shownAs);
    }

    private void Check(int error, string action, ReadOnlySpan<byte> name)
    {
        if (error != 0)
        {
            throw Failure(error, action, name);
        }
    }

    private FerryPath FullPath(ReadOnlySpan<byte> name) =>
        Path.IsEmpty ? FerryPath.FromBytes(name)
        : name.IsEmpty ? Path
        : FerryPath.FromBytes([.. Path.Bytes, Separator, .. name]);

    /// <summary>A call that takes one component would follow a path of several wherever it leads.</summary>
    private static ReadOnlySpan<byte> Component(ReadOnlySpan<byte> name) =>
        name.IsEmpty || name.Contains(Separator) || name.SequenceEqual("."u8) || name.SequenceEqual(".."u8)
            ? throw new ArgumentException($"{FerryPath.FromBytes(name)} is not one component.", nameof(name))
            : name;
}
