using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <content>The calls that change files and directories.</content>
internal static partial class FileCalls
{
    /// <summary>Writes all of it at a position, however many calls that takes.</summary>
    public static int WriteAll(SafeFileHandle file, ReadOnlySpan<byte> content, long offset)
    {
        while (!content.IsEmpty)
        {
            int error;
            nint written;
            while (Interrupted(LibC.pwrite(file, content, content.Length, offset), out error, out written)) { }
            if (written <= 0)
            {
                // Nothing written and no error would repeat for ever.
                return written == 0 ? Errno.EIO : error;
            }
            content = content[(int)written..];
            offset += written;
        }
        return 0;
    }

    /// <summary>Allocates blocks for the first bytes of a file; its size stays as it is.</summary>
    public static int Allocate(SafeFileHandle file, long size)
    {
        int error;
        while (Interrupted(LibC.fallocate(file, LibC.KeepSize, 0, size), out error)) { }
        return error;
    }

    public static int Truncate(SafeFileHandle file, long size)
    {
        int error;
        while (Interrupted(LibC.ftruncate(file, size), out error)) { }
        return error;
    }

    /// <summary>Flushes a file, or a directory's entries, to the device. An error is reported once: it must never be tried again.</summary>
    public static int Flush(SafeFileHandle file)
    {
        int error;
        while (Interrupted(LibC.fsync(file), out error)) { }
        return error;
    }

    /// <summary>
    /// Flushes the whole file system that an open file is on. An error of any write-back since the file was opened is reported, once.
    /// </summary>
    public static int FlushFileSystem(SafeFileHandle file)
    {
        int error;
        while (Interrupted(LibC.syncfs(file), out error)) { }
        return error;
    }

    /// <summary>Begins to write a range of a file to the device and does not wait. Not a flush: what it has written is not safe yet.</summary>
    public static int StartWriteBack(SafeFileHandle file, long offset, long length)
    {
        int error;
        while (Interrupted(LibC.sync_file_range(file, offset, length, LibC.StartWriteBack), out error)) { }
        return error is Errno.ESPIPE or Errno.ENOSYS or Errno.EINVAL ? 0 : error;
    }

    public static int SetMode(SafeFileHandle file, uint mode)
    {
        int error;
        while (Interrupted(LibC.fchmod(file, mode), out error)) { }
        return error;
    }

    public static int SetMode(SafeFileHandle directory, ReadOnlySpan<byte> path, uint mode)
    {
        int error;
        while (Interrupted(LibC.fchmodat(directory, path, mode, 0), out error)) { }
        return error;
    }

    /// <summary>Gives a file to a group; the owner stays.</summary>
    public static int SetGroup(SafeFileHandle file, uint group)
    {
        int error;
        while (Interrupted(LibC.fchown(file, LibC.Unchanged, group), out error)) { }
        return error;
    }

    /// <summary>Sets the time of the last change of content; the time of the last access stays.</summary>
    public static int SetModified(SafeFileHandle file, long seconds, uint nanoseconds)
    {
        ReadOnlySpan<TimeSpecification> times = [new(0, TimeSpecification.Omit), new(seconds, nanoseconds)];
        int error;
        while (Interrupted(LibC.futimens(file, times), out error)) { }
        return error;
    }

    public static int MakeDirectory(SafeFileHandle directory, ReadOnlySpan<byte> path, uint mode)
    {
        int error;
        while (Interrupted(LibC.mkdirat(directory, path, mode), out error)) { }
        return error;
    }

    public static int RemoveFile(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        int error;
        while (Interrupted(LibC.unlinkat(directory, path, 0), out error)) { }
        return error;
    }

    public static int RemoveDirectory(SafeFileHandle directory, ReadOnlySpan<byte> path)
    {
        int error;
        while (Interrupted(LibC.unlinkat(directory, path, LibC.RemoveDirectory), out error)) { }
        return error;
    }

    /// <summary>Moves a name to a new one, whatever that was before.</summary>
    public static int Rename(SafeFileHandle fromDirectory, ReadOnlySpan<byte> from, SafeFileHandle toDirectory, ReadOnlySpan<byte> to) =>
        Rename(fromDirectory, from, toDirectory, to, 0);

    /// <summary>Moves a name to one that does not exist: EEXIST when it does, EINVAL where the file system cannot do that.</summary>
    public static int RenameNew(SafeFileHandle fromDirectory, ReadOnlySpan<byte> from, SafeFileHandle toDirectory, ReadOnlySpan<byte> to) =>
        Rename(fromDirectory, from, toDirectory, to, LibC.NoReplace);

    /// <summary>Exchanges two names: EINVAL where the file system cannot do that.</summary>
    public static int Exchange(SafeFileHandle oneDirectory, ReadOnlySpan<byte> one, SafeFileHandle otherDirectory, ReadOnlySpan<byte> other) =>
        Rename(oneDirectory, one, otherDirectory, other, LibC.Exchange);

    /// <summary>Gives a file a second name that does not exist: EEXIST when it does.</summary>
    public static int Link(SafeFileHandle fromDirectory, ReadOnlySpan<byte> from, SafeFileHandle toDirectory, ReadOnlySpan<byte> to)
    {
        int error;
        while (Interrupted(LibC.linkat(fromDirectory, from, toDirectory, to, 0), out error)) { }
        return error;
    }

    /// <summary>Takes an exclusive lock for as long as the file is open: EAGAIN when somebody else has it.</summary>
    public static int TryLock(SafeFileHandle file)
    {
        int error;
        while (Interrupted(LibC.flock(file, LibC.ExclusiveLock | LibC.DoNotWait), out error)) { }
        return error;
    }

    /// <summary>Gives a lock back and closes its file. Closing alone gives it back only with the last copy of the descriptor, and a child that is just being started has one for a moment.</summary>
    public static void Unlock(SafeFileHandle file)
    {
        while (!file.IsClosed && Interrupted(LibC.flock(file, LibC.Unlock), out _)) { }
        file.Dispose();
    }

    /// <summary>Whether this process may create and remove names in a directory.</summary>
    public static int CheckWritable(SafeFileHandle directory)
    {
        int error;
        while (Interrupted(LibC.faccessat(directory, "."u8, LibC.MayWrite | LibC.MayPass, LibC.EffectiveIds), out error)) { }
        return error;
    }

    /// <summary>The user this process acts as.</summary>
    public static uint EffectiveUser => LibC.geteuid();

    private static int Rename(
        SafeFileHandle fromDirectory, ReadOnlySpan<byte> from, SafeFileHandle toDirectory, ReadOnlySpan<byte> to, uint flags)
    {
        int error;
        while (Interrupted(LibC.renameat2(fromDirectory, from, toDirectory, to, flags), out error)) { }
        return error;
    }
}
