using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>Looks at a descriptor that a peer passed, which is hostile until shown otherwise.</summary>
internal static class PassedFile
{
    /// <summary>
    /// The file behind a descriptor, when it can be read without a peer deciding how long that takes: a regular file, open for reading, not on FUSE or
    /// another machine. Else null, and the descriptor is closed.
    /// </summary>
    /// <param name="descriptor">The descriptor; owned from now on. It is read at positions of our own: its shared offset is the peer's.</param>
    /// <param name="name">For messages.</param>
    public static SourceFile? Open(SafeFileHandle descriptor, FerryPath name)
    {
        if (FileCalls.GetStatus(descriptor, out FileStatus status) == 0
            && status.IsRegularFile
            && DescriptorCalls.IsReadable(descriptor)
            && FileCalls.GetFileSystemStatus(descriptor, out FileSystemStatus fileSystem) == 0
            && !fileSystem.IsRemote)
        {
            return new SourceFile(name, descriptor, status);
        }
        descriptor.Dispose();
        return null;
    }
}
