using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>What all <see cref="ConfinedDirectory"/> objects below one root share: its descriptor, its device, and how its errors read.</summary>
internal sealed class ConfinedRoot
{
    private readonly FerryPath path;

    private ConfinedRoot(FerryPath path, SafeFileHandle handle, in FileStatus status)
    {
        this.path = path;
        Handle = handle;
        Status = status;
    }

    public SafeFileHandle Handle { get; }

    /// <summary>The root's status when it was opened.</summary>
    public FileStatus Status { get; }

    /// <summary>True when the directory was removed; its descriptor stays, but nothing can be made in it any more.</summary>
    public bool IsGone => FileCalls.GetStatus(Handle, out FileStatus status) == 0 && status.Links == 0;

    public static ConfinedRoot Open(FerryPath path)
    {
        int error = FileCalls.Open(FileCalls.WorkingDirectory, path.Bytes, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle handle);
        if (error != 0)
        {
            throw Errno.ToException(error, "open the directory", path);
        }
        error = FileCalls.GetStatus(handle, out FileStatus status);
        if (error != 0)
        {
            handle.Dispose();
            throw Errno.ToException(error, "look at the directory", path);
        }
        var how = new OpenHow(OpenFlags.Path | OpenFlags.Directory, 0, ResolveFlags.Beneath);
        error = FileCalls.Open(handle, "."u8, how, out SafeFileHandle probe);
        probe.Dispose();
        if (error != 0)
        {
            handle.Dispose();
            throw new FerryException(
                FerryErrorCode.Unsupported,
                $"cannot write safely into {path}: the system call openat2, which keeps every path inside that directory, failed with "
                + $"\"{Errno.Describe(error)}\". It needs Linux 5.6 or newer; gVisor lacks it, and old seccomp profiles of container engines "
                + "forbid it: update the engine, or run outside the sandbox.");
        }
        return new ConfinedRoot(path, handle, status);
    }

    /// <summary>Makes the error for a failed call on a path below the root.</summary>
    public FerryException Failure(int error, string action, FerryPath name)
    {
        FerryPath shown = name.IsEmpty ? path : name;
        return error switch
        {
            Errno.ELOOP => new FerryException(
                FerryErrorCode.SymbolicLink, $"cannot {action} {shown}: it leads through a symbolic link, and none is followed here"),
            Errno.EXDEV or Errno.EBUSY => new FerryException(
                FerryErrorCode.CrossesMount, $"cannot {action} {shown}: something else is mounted there, or it is a subvolume; use it as a directory of its own"),
            Errno.ENOENT or Errno.ESTALE when IsGone => new FerryException(
                FerryErrorCode.RootGone, $"cannot {action} {shown}: the directory {path} was removed; make it again and start anew"),
            _ => Errno.ToException(error, action, shown),
        };
    }
}
