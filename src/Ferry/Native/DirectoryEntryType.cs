namespace Ferry.Native;

/// <summary>The kind of a name in a directory, as getdents64(2) numbers it.</summary>
internal enum DirectoryEntryType : byte
{
    /// <summary>The file system does not say; statx must be asked.</summary>
    Unknown = 0,
    Fifo = 1,
    CharacterDevice = 2,
    Directory = 4,
    BlockDevice = 6,
    RegularFile = 8,
    SymbolicLink = 10,
    Socket = 12,
}

/// <summary>The kinds in words.</summary>
internal static class DirectoryEntryTypeText
{
    /// <summary>The kind with its article: <c>a symbolic link</c>.</summary>
    public static string Describe(this DirectoryEntryType type) => type switch
    {
        DirectoryEntryType.RegularFile => "a file",
        DirectoryEntryType.Directory => "a directory",
        DirectoryEntryType.SymbolicLink => "a symbolic link",
        DirectoryEntryType.Socket => "a socket",
        DirectoryEntryType.Fifo => "a FIFO",
        _ => "a device",
    };
}
