namespace Ferry;

/// <summary>
/// Why something failed. On the wire and in JSON a code is its name in lower case with hyphens
/// (<c>no-space</c>); see <see cref="FerryErrorCodes"/>.
/// </summary>
public enum FerryErrorCode
{
    // The connection or the call as a whole.

    /// <summary>A fault inside Ferry itself. Please report it.</summary>
    Internal,
    /// <summary>The call or command was given arguments that do not go together.</summary>
    Usage,
    /// <summary>Nothing listens at the address.</summary>
    NoServer,
    /// <summary>The server's rules do not let this peer in, or the kernel refused access to the socket.</summary>
    NotAllowed,
    /// <summary>The server has as many connections as it takes.</summary>
    Busy,
    /// <summary>The server is stopping and takes no new deliveries.</summary>
    Stopping,
    /// <summary>The connection ended before the exchange was complete.</summary>
    ConnectionLost,
    /// <summary>The peer sent nothing for longer than the stall time-out.</summary>
    Stalled,
    /// <summary>The peer sent something that the protocol does not allow.</summary>
    Protocol,
    /// <summary>The peer used a version, message or field that is not known here.</summary>
    Unsupported,
    /// <summary>The peer went beyond a limit named in the greeting.</summary>
    Limit,

    // One entry: refused by the receiver.

    /// <summary>The name is empty, absolute, or has an empty, <c>.</c>, <c>..</c> or NUL-holding component.</summary>
    BadName,
    /// <summary>A component is longer than 255 bytes, or the path has more levels or bytes than the limits allow.</summary>
    NameTooLong,
    /// <summary>A component is <c>.ferry</c>, which belongs to the server.</summary>
    ReservedName,
    /// <summary>The file is larger than the server accepts.</summary>
    TooLarge,
    /// <summary>The name exists already and the server does not replace.</summary>
    Exists,
    /// <summary>A directory stands where a file should go.</summary>
    IsDirectory,
    /// <summary>Something other than a directory stands where a directory should be.</summary>
    NotDirectory,
    /// <summary>The path leads through a symbolic link.</summary>
    SymbolicLink,
    /// <summary>The path leads onto another file system or subvolume.</summary>
    CrossesMount,

    // One entry: the receiver's storage.

    /// <summary>Too little space is left on the file system, above the reserve.</summary>
    NoSpace,
    /// <summary>The quota of the user or group is used up.</summary>
    Quota,
    /// <summary>The file system, or a limit of the process, does not allow a file of this size.</summary>
    FileSizeLimit,
    /// <summary>The file system is read-only.</summary>
    ReadOnly,
    /// <summary>The server may not write there.</summary>
    PermissionDenied,
    /// <summary>The server has no descriptors left.</summary>
    TooManyOpenFiles,
    /// <summary>The served directory itself is gone.</summary>
    RootGone,
    /// <summary>The storage reported an error, such as EIO.</summary>
    StorageError,

    // One entry: the content or its source.

    /// <summary>The receiver computed another hash than the sender.</summary>
    HashMismatch,
    /// <summary>The receiver got another number of bytes than the sender announced.</summary>
    SizeMismatch,
    /// <summary>The source could not be opened or read.</summary>
    SourceUnreadable,
    /// <summary>The source changed while it was read.</summary>
    SourceChanged,
    /// <summary>The source is a symbolic link, socket, FIFO or device inside a tree.</summary>
    SpecialFile,
    /// <summary>The sender gave the entry up.</summary>
    GivenUp,
    /// <summary>Something in a directory that is sent atomically did not arrive, so nothing of the directory is stored.</summary>
    Incomplete,
}
