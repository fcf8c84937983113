using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>
/// Reads a directory's names a buffer at a time. Its descriptor and buffer can be given up while a walk is far below and taken up again
/// later at the same place, so that the depth of a tree costs neither.
/// </summary>
internal sealed class DirectoryReader : IDisposable
{
    private const int BufferSize = 32 * 1024;

    private readonly ulong device;
    private readonly ulong inode;
    private byte[]? buffer;
    private int start;
    private int end;
    private long position;

    /// <param name="name">The directory's path relative to where the walk began.</param>
    /// <param name="handle">The directory, open for reading; owned from now on.</param>
    /// <param name="status">Its status.</param>
    public DirectoryReader(FerryPath name, SafeFileHandle handle, in FileStatus status)
    {
        Name = name;
        Handle = handle;
        device = status.Device;
        inode = status.Inode;
    }

    public FerryPath Name { get; }

    /// <summary>The directory; not valid while it is given up.</summary>
    public SafeFileHandle Handle { get; private set; }

    /// <summary>Takes the next name.</summary>
    /// <param name="name">The name, one component.</param>
    /// <param name="type">Its type, as far as the directory knows.</param>
    /// <param name="error">The errno when reading failed, else 0.</param>
    /// <returns>False at the end, and when reading failed.</returns>
    public bool TryNext(out byte[] name, out DirectoryEntryType type, out int error)
    {
        error = 0;
        (name, type) = ([], DirectoryEntryType.Unknown);
        while (true)
        {
            ReadOnlySpan<byte> left = buffer.AsSpan(start, end - start);
            if (DirectoryEntry.TryTake(ref left, out DirectoryEntry entry))
            {
                start = end - left.Length;
                (name, type, position) = (entry.Name.ToArray(), entry.Type, entry.NextPosition);
                return true;
            }
            buffer ??= GC.AllocateUninitializedArray<byte>(BufferSize);
            error = FileCalls.ReadDirectory(Handle, buffer, out int length);
            (start, end) = (0, length);
            if (error != 0 || length == 0)
            {
                return false;
            }
        }
    }

    /// <summary>Gives descriptor and buffer up until <see cref="TryResume"/>.</summary>
    public void Suspend()
    {
        Handle.Dispose();
        buffer = null;
        start = end = 0;
    }

    /// <summary>Opens the directory again as the parent of one below it, and goes on where it was.</summary>
    /// <returns>False when that parent is another directory by now, because something was moved.</returns>
    public bool TryResume(SafeFileHandle child)
    {
        if (!Handle.IsClosed)
        {
            return true;
        }
        int error = FileCalls.Open(child, ".."u8, OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle handle);
        if (error == 0
            && FileCalls.GetStatus(handle, out FileStatus status) == 0
            && status.Device == device
            && status.Inode == inode
            && FileCalls.Seek(handle, position) == 0)
        {
            Handle = handle;
            return true;
        }
        handle.Dispose();
        return false;
    }

    public void Dispose() => Handle.Dispose();
}
