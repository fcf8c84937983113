using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>Where a file of a walk was found: it can be opened once more when the walk has gone on long since.</summary>
/// <param name="source">What the walk began with.</param>
/// <param name="path">The file's path relative to that; empty for that itself.</param>
/// <param name="state">What it looked like.</param>
internal sealed class SourceOrigin(SourcePath source, FerryPath path, FileState state)
{
    /// <summary>Opens it again. Below what the user named, no link is followed.</summary>
    /// <exception cref="FerryException">It cannot be opened, or is another or changed by now.</exception>
    public SourceFile Open()
    {
        int error = OpenHandle(out SafeFileHandle handle);
        if (error == 0 && (error = FileCalls.GetStatus(handle, out FileStatus status)) == 0)
        {
            if (status.IsRegularFile && FileState.Of(status) == state)
            {
                return new SourceFile(Shown, handle, status);
            }
            handle.Dispose();
            throw new FerryException(FerryErrorCode.SourceChanged, $"{Shown} changed before it could be sent again; send it when nothing writes to it");
        }
        handle.Dispose();
        throw new FerryException(FerryErrorCode.SourceUnreadable, $"{Shown} cannot be read again: {Errno.Describe(error)}");
    }

    private FerryPath Shown => path.IsEmpty ? source.Path : path;

    private int OpenHandle(out SafeFileHandle handle)
    {
        if (path.IsEmpty)
        {
            return FileCalls.Open(FileCalls.WorkingDirectory, source.Path.Bytes, SourceTree.OpenFile, 0, out handle);
        }
        int error = FileCalls.Open(FileCalls.WorkingDirectory, source.Path.Bytes, SourceTree.OpenDirectory | OpenFlags.Directory, 0, out handle);
        ReadOnlySpan<byte> left = path.Bytes;
        while (error == 0)
        {
            using SafeFileHandle directory = handle;
            int end = left.IndexOf((byte)'/');
            if (end < 0)
            {
                return FileCalls.Open(directory, left, SourceTree.OpenFile | OpenFlags.NoFollow, 0, out handle);
            }
            error = FileCalls.Open(directory, left[..end], SourceTree.OpenDirectory | OpenFlags.Directory | OpenFlags.NoFollow, 0, out handle);
            left = left[(end + 1)..];
        }
        return error;
    }
}
