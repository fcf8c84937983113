using System.Runtime.InteropServices;
using System.Text;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <summary>
/// The system calls on files. Each gives 0 or the errno, never throws for what the kernel says, sets close-on-exec on
/// what it opens, and begins again when a signal interrupted it. Paths are bytes without NUL, relative to a directory.
/// </summary>
internal static partial class FileCalls
{
    private const int LongestPath = 4096;

    /// <summary>Stands for the working directory wherever a directory is asked for.</summary>
    public static readonly SafeFileHandle WorkingDirectory = new(-100, ownsHandle: false);

    /// <summary>Opens a path as openat(2) does: it may lead anywhere and through symbolic links.</summary>
    /// <param name="directory">Where a relative path begins.</param>
    /// <param name="path">The path.</param>
    /// <param name="flags">Values of <see cref="OpenFlags"/>.</param>
    /// <param name="mode">Permission bits of a file that is created, before the umask.</param>
    /// <param name="handle">The open file; not valid when the result is not 0.</param>
    public static int Open(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, uint mode, out SafeFileHandle handle)
    {
        int error;
        nint descriptor;
        while (Interrupted(LibC.openat(directory, path, flags | OpenFlags.CloseOnExec, mode), out error, out descriptor)) { }
        handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return error;
    }

    /// <summary>Opens a path as openat2(2) does, resolved as <paramref name="how"/> says.</summary>
    public static int Open(SafeFileHandle directory, ReadOnlySpan<byte> path, in OpenHow how, out SafeFileHandle handle)
    {
        int error;
        nint descriptor;
        while (Interrupted(LibC.openat2(LibC.OpenAt2Number, directory, path, how, OpenHow.Size), out error, out descriptor)) { }
        handle = new SafeFileHandle(descriptor, ownsHandle: true);
        return error;
    }

    /// <summary>Reads the status of a name, of a symbolic link itself; an automount is left alone.</summary>
    public static int GetStatus(SafeFileHandle directory, ReadOnlySpan<byte> path, out FileStatus status) =>
        GetStatus(directory, path, LibC.NoFollow | LibC.NoAutomount, out status);

    /// <summary>Reads the status of a name as stat(2) does: a symbolic link is followed.</summary>
    public static int GetTargetStatus(SafeFileHandle directory, ReadOnlySpan<byte> path, out FileStatus status) =>
        GetStatus(directory, path, LibC.NoAutomount, out status);

    /// <summary>Reads the status of an open file.</summary>
    public static int GetStatus(SafeFileHandle file, out FileStatus status) => GetStatus(file, [], LibC.EmptyPath, out status);

    /// <summary>Reads the status of the file system that holds an open file.</summary>
    public static int GetFileSystemStatus(SafeFileHandle file, out FileSystemStatus status)
    {
        int error;
        while (Interrupted(LibC.fstatfs(file, out status), out error)) { }
        return error;
    }

    /// <summary>Reads the next entries of a directory; <see cref="DirectoryEntry.TryTake"/> takes them apart.</summary>
    /// <param name="directory">Opened for reading; keeps the position.</param>
    /// <param name="buffer">At least 512 bytes; 32 KiB is a good size.</param>
    /// <param name="length">Bytes read; 0 at the end.</param>
    public static int ReadDirectory(SafeFileHandle directory, Span<byte> buffer, out int length)
    {
        int error;
        nint read;
        while (Interrupted(LibC.getdents64(LibC.GetDents64Number, directory, buffer, buffer.Length), out error, out read)) { }
        length = (int)Math.Max(read, 0);
        return error;
    }

    /// <summary>Sets a file's own position; for a directory one that <see cref="DirectoryEntry.NextPosition"/> gave.</summary>
    public static int Seek(SafeFileHandle file, long position)
    {
        int error;
        while (Interrupted(LibC.lseek(file, (nint)position, LibC.SeekSet), out error)) { }
        return error;
    }

    /// <summary>The absolute path of an open file, as this process sees it now.</summary>
    public static int GetPath(SafeFileHandle file, out byte[] path)
    {
        byte[] buffer = new byte[LongestPath];
        int error;
        nint length;
        ReadOnlySpan<byte> link = Encoding.ASCII.GetBytes($"/proc/self/fd/{file.DangerousGetHandle()}");
        while (Interrupted(LibC.readlinkat(WorkingDirectory, link, buffer, buffer.Length), out error, out length)) { }
        path = buffer[..(int)Math.Max(length, 0)];
        return error;
    }

    /// <summary>Reads from the file's own position.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer, out int length)
    {
        int error;
        nint read;
        while (Interrupted(LibC.read(file, buffer, buffer.Length), out error, out read)) { }
        length = (int)Math.Max(read, 0);
        return error;
    }

    /// <summary>Reads from a position, leaving the file's own alone.</summary>
    public static int Read(SafeFileHandle file, Span<byte> buffer, long offset, out int length)
    {
        int error;
        nint read;
        while (Interrupted(LibC.pread(file, buffer, buffer.Length, offset), out error, out read)) { }
        length = (int)Math.Max(read, 0);
        return error;
    }

    private static int GetStatus(SafeFileHandle directory, ReadOnlySpan<byte> path, int flags, out FileStatus status)
    {
        int error;
        while (Interrupted(LibC.statx(directory, path, flags, LibC.StatusAndBirth, out status), out error)) { }
        return error;
    }

    /// <summary>The one place where an interrupted call is recognised, to be made again.</summary>
    private static bool Interrupted(nint result, out int error)
    {
        error = result < 0 ? Marshal.GetLastPInvokeError() : 0;
        return error == Errno.EINTR;
    }

    private static bool Interrupted(nint result, out int error, out nint value)
    {
        value = result;
        return Interrupted(result, out error);
    }
}
