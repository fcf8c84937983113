using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>What fstatfs(2) tells about a file system; the layout of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Explicit, Size = 120)]
internal readonly struct FileSystemStatus
{
    private const long Tmpfs = 0x01021994, Ramfs = 0x858458F6;
    private const long Ext4 = 0xEF53, Xfs = 0x58465342, Btrfs = 0x9123683E, Overlay = 0x794C7630;
    private static readonly HashSet<long> RemoteTypes =
    [
        0x65735546, // FUSE
        0x6969, // NFS
        0xFF534D42, 0xFE534D42, 0x517B, // CIFS, SMB
        0x01021997, // 9P
        0x00C36400, // Ceph
        0x5346414F, 0x73757245, // AFS, Coda
    ];

    private const long ReadOnlyFlag = 1;

    [FieldOffset(0)] private readonly long type;
    [FieldOffset(8)] private readonly long blockSize;
    [FieldOffset(16)] private readonly ulong blocks;
    [FieldOffset(32)] private readonly ulong availableBlocks;
    [FieldOffset(72)] private readonly long fragmentSize;
    [FieldOffset(80)] private readonly long flags;

    /// <summary>Size in bytes; 0 when the file system has no bound or does not tell.</summary>
    public long TotalBytes => Bytes(blocks);

    /// <summary>Bytes free for processes without privileges.</summary>
    public long AvailableBytes => Bytes(availableBlocks);

    /// <summary>True for tmpfs and ramfs, which keep nothing through a power cut.</summary>
    public bool IsMemory => type is Tmpfs or Ramfs;

    /// <summary>True where a read can wait for another program or machine, for ever if that does not answer.</summary>
    public bool IsRemote => RemoteTypes.Contains(type & 0xFFFFFFFF);

    /// <summary>True where syncfs(2) is known to make content and names safe. On FUSE, for one, it flushes nothing.</summary>
    public bool FlushesAsWhole => (type & 0xFFFFFFFF) is Ext4 or Xfs or Btrfs;

    /// <summary>True for overlayfs, where a directory of a lower layer cannot be moved.</summary>
    public bool IsOverlay => (type & 0xFFFFFFFF) == Overlay;

    public bool IsReadOnly => (flags & ReadOnlyFlag) != 0;

    private long Bytes(ulong count) =>
        (long)UInt128.Min((UInt128)count * (ulong)(fragmentSize > 0 ? fragmentSize : blockSize), long.MaxValue);
}
