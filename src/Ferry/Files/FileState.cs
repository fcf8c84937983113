using Ferry.Native;

namespace Ferry.Files;

/// <summary>What shows of a file when it is replaced or written to (invariant 8).</summary>
internal readonly record struct FileState(ulong Inode, long Size, TimeStamp Modified, TimeStamp Changed)
{
    public static FileState Of(in FileStatus status) => new(status.Inode, status.Size, status.Modified, status.Changed);
}
