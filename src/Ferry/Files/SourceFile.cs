using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>A regular file that is opened for sending, and what it looked like then.</summary>
internal sealed class SourceFile : IDisposable
{
    private readonly FerryPath name;
    private readonly SafeFileHandle handle;
    private readonly FileStatus opened;

    /// <param name="name">For messages.</param>
    /// <param name="handle">Open for reading; owned from now on.</param>
    /// <param name="opened">Its status before anything was read.</param>
    public SourceFile(FerryPath name, SafeFileHandle handle, in FileStatus opened)
    {
        this.name = name;
        this.handle = handle;
        this.opened = opened;
    }

    /// <summary>The open file, for passing and cloning. It stays this type's to close.</summary>
    public SafeFileHandle Handle => handle;

    /// <summary>Bytes of content when it was opened.</summary>
    public long Size => opened.Size;

    /// <summary>What it looked like when it was opened.</summary>
    public FileState State => FileState.Of(opened);

    /// <summary>Mode and time when it was opened.</summary>
    public EntryMetadata Metadata => MetadataOf(opened);

    public static EntryMetadata MetadataOf(in FileStatus status) =>
        new(status.Permissions & EntryMetadata.ModeMask, FileTime.Of(status.Modified));

    /// <summary>Reads at a position until the buffer is full or the file ends.</summary>
    /// <returns>Bytes read.</returns>
    /// <exception cref="FerryException">The file cannot be read.</exception>
    public int Read(Span<byte> buffer, long offset)
    {
        int filled = 0;
        while (filled < buffer.Length)
        {
            int error = FileCalls.Read(handle, buffer[filled..], offset + filled, out int read);
            if (error != 0)
            {
                throw new FerryException(FerryErrorCode.SourceUnreadable, $"cannot read {name}: {Errno.Describe(error)}");
            }
            if (read == 0)
            {
                break;
            }
            filled += read;
        }
        return filled;
    }

    /// <summary>True when size, inode or one of the times differ from when it was opened: what was read may be no state that the file ever had.</summary>
    public bool HasChanged() => FileCalls.GetStatus(handle, out FileStatus now) != 0 || FileState.Of(now) != State;

    public void Dispose() => handle.Dispose();
}
