namespace Ferry;

/// <summary>What became of an entry.</summary>
public enum ReceiptResult
{
    /// <summary>Stored whole under the name in the receipt.</summary>
    Stored,
    /// <summary>Arrived whole in a directory that is sent atomically: stored when the receipt of that directory says stored, and not at all otherwise.</summary>
    Held,
    /// <summary>Sent over the plain protocol to a server that does not confirm; every piece was answered.</summary>
    Sent,
    /// <summary>Not stored, because the name exists and the server keeps existing files.</summary>
    Kept,
    /// <summary>Refused by the server: its name, its size, or what stands in its place.</summary>
    Refused,
    /// <summary>No space or quota at the server.</summary>
    NoSpace,
    /// <summary>The server's storage failed.</summary>
    StorageError,
    /// <summary>Hash or size differ between sender and receiver; nothing is stored.</summary>
    Mismatch,
    /// <summary>The source changed while it was read; nothing is stored.</summary>
    Changed,
    /// <summary>The source could not be read; nothing is stored.</summary>
    Unreadable,
    /// <summary>A symbolic link, socket, FIFO or device inside a tree; not sent.</summary>
    Special,
    /// <summary>The connection ended before the receipt came: the entry may or may not be stored.</summary>
    Unknown,
}

/// <summary>Who computed the hash in a receipt.</summary>
public enum HashCheck
{
    /// <summary>Nobody; the hash is null.</summary>
    None,
    /// <summary>The server, over what it stored.</summary>
    Server,
    /// <summary>Both sides, and the two agree.</summary>
    Both,
}

/// <summary>How content reached the server's disk.</summary>
public enum TransferMethod
{
    /// <summary>Over the connection.</summary>
    Streamed,
    /// <summary>Through a passed descriptor, copied by the server.</summary>
    Copied,
    /// <summary>Through a passed descriptor, cloned by the file system.</summary>
    Cloned,
}

/// <summary>What kind of thing an entry is.</summary>
public enum EntryKind
{
    /// <summary>A regular file, or content from a stream.</summary>
    File = 1,
    /// <summary>A directory.</summary>
    Directory = 2,
}

/// <summary>What became of one entry of a delivery: the server's word, or for entries never offered the client's own.</summary>
public sealed record Receipt
{
    /// <summary>The name under which the entry is stored, relative to the served directory; for an entry that is not stored, the name it would have had.</summary>
    public required FerryPath Name { get; init; }

    /// <summary>File or directory.</summary>
    public EntryKind Kind { get; init; } = EntryKind.File;

    /// <summary>What became of the entry.</summary>
    public required ReceiptResult Result { get; init; }

    /// <summary>The size in bytes as stored; for an entry that is not stored, 0.</summary>
    public long Size { get; init; }

    /// <summary>The content's hash as <c>algorithm:HEX</c>, for example <c>xxh128:...</c> as <c>xxhsum -H2</c> prints it; null when none was computed. It finds accidents, not tampering.</summary>
    public string? Hash { get; init; }

    /// <summary>Who computed <see cref="Hash"/>.</summary>
    public HashCheck Checked { get; init; }

    /// <summary>How safely the entry is stored; null when it is not.</summary>
    public Durability? Level { get; init; }

    /// <summary>How the content travelled.</summary>
    public TransferMethod How { get; init; }

    /// <summary>Bytes of it that had arrived on an earlier connection and were not sent again; null where all came on this one.</summary>
    public long? ResumedFrom { get; init; }

    /// <summary>True when the content is in the server's hands, whole and compared: stored, or held.</summary>
    internal bool IsWhole => Result is ReceiptResult.Stored or ReceiptResult.Held;

    /// <summary>True when the entry was stored on an earlier connection of the same delivery, whose receipt was lost: the server gives it once more and has stored nothing twice.</summary>
    public bool Replayed { get; init; }

    /// <summary>Why the entry is not stored; null when it is.</summary>
    public FerryErrorCode? Code { get; init; }

    /// <summary>The sentence for a person that goes with <see cref="Code"/>; null when the entry is stored.</summary>
    public string? Reason { get; init; }
}
