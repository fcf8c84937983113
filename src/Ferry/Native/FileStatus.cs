using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>What statx(2) tells about a file: the kernel's struct, the same on every architecture.</summary>
[StructLayout(LayoutKind.Explicit, Size = 256)]
internal readonly struct FileStatus
{
    private const ulong MountRoot = 0x2000;
    private const uint SetGroupBit = 0x400;

    [FieldOffset(8)] private readonly ulong attributes;
    [FieldOffset(16)] public readonly uint Links;
    [FieldOffset(20)] public readonly uint User;
    [FieldOffset(24)] public readonly uint Group;
    [FieldOffset(28)] private readonly ushort mode;
    [FieldOffset(32)] public readonly ulong Inode;
    [FieldOffset(40)] public readonly long Size;
    [FieldOffset(48)] private readonly long blocks;
    [FieldOffset(80)] public readonly TimeStamp Born;
    [FieldOffset(96)] public readonly TimeStamp Changed;
    [FieldOffset(112)] public readonly TimeStamp Modified;
    [FieldOffset(136)] private readonly uint deviceMajor;
    [FieldOffset(140)] private readonly uint deviceMinor;

    public ulong Device => ((ulong)deviceMajor << 32) | deviceMinor;

    /// <summary>Permission bits with setuid, setgid and sticky: 0 to 07777.</summary>
    public uint Permissions => mode & 0xFFFu;

    /// <summary>Bytes that it takes on the device, reserved ones included.</summary>
    public long OccupiedBytes => blocks * 512;

    /// <summary>What kind of file it is; a directory's entries number the kinds in the same way.</summary>
    public DirectoryEntryType EntryType => (DirectoryEntryType)(mode >> 12);

    public bool IsRegularFile => EntryType == DirectoryEntryType.RegularFile;
    public bool IsDirectory => EntryType == DirectoryEntryType.Directory;
    public bool IsSymbolicLink => EntryType == DirectoryEntryType.SymbolicLink;
    public bool IsSocket => EntryType == DirectoryEntryType.Socket;
    public bool IsFifo => EntryType == DirectoryEntryType.Fifo;
    public bool IsCharacterDevice => EntryType == DirectoryEntryType.CharacterDevice;

    /// <summary>True when something is mounted exactly there. A btrfs subvolume only shows by another <see cref="Device"/>.</summary>
    public bool IsMountRoot => (attributes & MountRoot) != 0;

    public bool HasSetGroupBit => (mode & SetGroupBit) != 0;

    /// <summary>The kind of file in words, with its article.</summary>
    public string Kind => EntryType.Describe();
}

/// <summary>A point in time in a <see cref="FileStatus"/>: seconds since 1970-01-01 UTC, and nanoseconds.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TimeStamp(long Seconds, uint Nanoseconds)
{
    private readonly int padding;
}
