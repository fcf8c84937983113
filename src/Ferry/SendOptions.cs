namespace Ferry;

/// <summary>Options of one delivery.</summary>
public sealed class SendOptions
{
    /// <summary>A directory below the served one in which everything arrives; it is created if missing. Default: the served directory itself. Not together with <see cref="As"/>.</summary>
    public FerryPath? Into { get; set; }

    /// <summary>
    /// The name, which may contain <c>/</c>, that the only path given arrives under. <c>.</c> with a directory puts what is in
    /// the directory into the served directory. Default: the path's last component. Not together with <see cref="Into"/>.
    /// </summary>
    public FerryPath? As { get; set; }

    /// <summary>The level to ask for; null (the default) takes the server's. The server's setting is the highest it gives; the receipt says what was reached.</summary>
    public Durability? Durability { get; set; }

    /// <summary>
    /// Whether both sides read all content and compare what they read, even where the server could clone or copy a file by itself. Default: false,
    /// which leaves content above 64 KiB to the server where it can take it.
    /// </summary>
    public bool Checksum { get; set; }

    /// <summary>
    /// Whether each directory given arrives whole or not at all, in one step: it replaces a directory of its name, in which nothing is merged. What is in it
    /// has receipts that say <see cref="ReceiptResult.Held"/>; the directory's own comes last and says what became of all. Default: false.
    /// </summary>
    public bool Atomic { get; set; }

    /// <summary>Whether an atomic directory is stored without the special files (symbolic links, sockets, FIFOs, devices) that are in it. Default: false, it is not stored.</summary>
    public bool SkipSpecial { get; set; }

    /// <summary>How many small files are read at a time, 1 to 64. Default: null, half as many as there are cores: the server needs the others.</summary>
    public int? Jobs { get; set; }

    /// <summary>
    /// A name for this delivery. The server gives the receipts of what it has stored under this key, for this user and within 24 hours, once more, and stores
    /// nothing twice; whoever gives a key twice says that it is the same delivery. Default: null, a key that nobody else has where
    /// <see cref="FerryClientOptions.Retries"/> is not 0, and else none.
    /// </summary>
    public string? DeliveryKey { get; set; }

    /// <summary>Receives progress, from any thread, at most about ten times a second and once at the end. Default: null.</summary>
    public IProgress<TransferProgress>? Progress { get; set; }
}
