namespace Ferry.Server;

/// <summary>Options of a ferry server. They are checked when the server starts.</summary>
public sealed class FerryServerOptions
{
    private static readonly TimeSpan DefaultStallTimeout = TimeSpan.FromSeconds(60);

    /// <summary>The directory to receive into; it is created if only its last part is missing. Required.</summary>
    public string Root { get; set; } = "";

    /// <summary>Where to listen, as <see cref="FerryAddress.Parse"/> reads it. Required.</summary>
    public string Address { get; set; } = "";

    /// <summary>What happens when a file's name exists. Default: <see cref="ExistingFiles.Replace"/>.</summary>
    public ExistingFiles Existing { get; set; } = ExistingFiles.Replace;

    /// <summary>The highest level given. Default: <see cref="Durability.Durable"/>; on tmpfs and ramfs, which keep nothing, <see cref="Durability.Received"/> all the same.</summary>
    public Durability Durability { get; set; } = Durability.Durable;

    /// <summary>How many connections are served at once; one more is told that the server is busy. Default: 4096.</summary>
    public int MaxConnections { get; set; } = 4096;

    /// <summary>How long a peer may say nothing before its delivery fails. Default: 60 seconds.</summary>
    public TimeSpan StallTimeout { get; set; } = DefaultStallTimeout;

    /// <summary>The same for the plain protocol, where a peer cannot say that it waits. Default: 10 minutes.</summary>
    public TimeSpan PlainStallTimeout { get; set; } = TimeSpan.FromMinutes(10);

    /// <summary>How long a peer may say nothing at all, not even which protocol it speaks: never without a bound.</summary>
    internal TimeSpan FirstByteTime => StallTimeout == Timeout.InfiniteTimeSpan ? DefaultStallTimeout : StallTimeout;

    /// <summary>How long deliveries in flight may go on after a stop was asked for. Default: 10 seconds. The infinite time span lets them take as long as they need.</summary>
    public TimeSpan Grace { get; set; } = TimeSpan.FromSeconds(10);

    /// <summary>Bytes of the file system that stay free. Default: null, 64 MiB or 5 % of the file system, whichever is less.</summary>
    public long? ReserveFree { get; set; }

    /// <summary>The largest file accepted, in bytes. Default: null, no limit.</summary>
    public long? MaxFileSize { get; set; }

    /// <summary>
    /// How long the part of a large file that arrived before its connection broke waits to be gone on with. Default: 24 hours. The infinite time span
    /// keeps it for any time, zero keeps none.
    /// </summary>
    public TimeSpan KeepPartials { get; set; } = TimeSpan.FromHours(24);

    /// <summary>
    /// How many bytes of such parts wait in all; the oldest are removed first, also where a file that arrives needs their space.
    /// Default: null, a quarter of the file system.
    /// </summary>
    public long? MaxPartials { get; set; }

    /// <summary>Whether the plain protocol is served beside the native one. Default: true.</summary>
    public bool Plain { get; set; } = true;

    /// <summary>Whether clients in the same kernel may pass open files, to be cloned or copied. Default: true.</summary>
    public bool Descriptors { get; set; } = true;

    /// <summary>Mode of the socket file. Default: null, which follows from who may connect: 0600 for the owner alone, 0660 with <see cref="Group"/>, 0666 with <see cref="AllowUsers"/> or <see cref="AllowGroups"/>.</summary>
    public UnixFileMode? Mode { get; set; }

    /// <summary>Group of the socket file, a name or a number; its members may connect. Default: null.</summary>
    public string? Group { get; set; }

    /// <summary>Users, names or numbers, who may connect beside the server's own user and root. Default: none.</summary>
    public IList<string> AllowUsers { get; set; } = [];

    /// <summary>Groups, names or numbers, whose members may connect. Default: none.</summary>
    public IList<string> AllowGroups { get; set; } = [];

    /// <summary>Check nobody's identity: whoever the socket file's mode lets in may deliver. Default: false.</summary>
    public bool AllowAnyone { get; set; }
}
