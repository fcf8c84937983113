using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>A name that a walk has found to be a regular file, not yet opened.</summary>
/// <param name="directory">The directory it is in; open for as long as the walk stays there.</param>
/// <param name="name">Its name there.</param>
/// <param name="path">Its path relative to where the walk began; empty for that itself.</param>
/// <param name="flags">How it is opened.</param>
internal sealed class FoundFile(SafeFileHandle directory, byte[] name, FerryPath path, int flags)
{
    /// <summary>Its path relative to where the walk began; empty for that itself.</summary>
    public FerryPath Path => path;

    /// <summary>Opens it. What it has become meanwhile shows in the entry. Any thread may do this.</summary>
    /// <returns>The entry with the file open, or why it is not sent.</returns>
    public SourceEntry Open()
    {
        int error = FileCalls.Open(directory, name, flags, 0, out SafeFileHandle handle);
        if (error != 0 || (error = FileCalls.GetStatus(handle, out FileStatus status)) != 0)
        {
            handle.Dispose();
            return SourceEntry.Unreadable(path, error);
        }
        if (!status.IsRegularFile)
        {
            handle.Dispose();
            return SourceEntry.Special(path, status.Kind);
        }
        return new SourceEntry(SourceEvent.File, path, File: new SourceFile(path.IsEmpty ? FerryPath.FromBytes(name) : path, handle, status));
    }
}
