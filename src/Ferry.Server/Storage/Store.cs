using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>The served directory: opened once, held with a lock, shared by all deliveries.</summary>
internal sealed class Store : IDisposable
{
    private readonly long? maxFileSize;

    private Store(ConfinedDirectory root, FileSystemFlusher flusher, StagingArea staging, FerryServerOptions options)
    {
        Root = root;
        Staging = staging;
        Existing = options.Existing;
        maxFileSize = options.MaxFileSize;
        FileSystemStatus fileSystem = root.GetFileSystemStatus();
        KeepsNothing = fileSystem.IsMemory;
        HighestLevel = KeepsNothing ? Durability.Received : options.Durability;
        DurabilityNote = KeepsNothing && options.Durability == Durability.Durable
            ? $"{(FerryPath)options.Root} is in memory (tmpfs or ramfs), which keeps nothing through a power cut: receipts will say received, not durable"
            : null;
        Partials = new Partials(staging.Partials, PartialLimits.From(options, fileSystem));
        Space = new SpaceBudget(root, options.ReserveFree, TimeProvider.System) { MakeRoom = Partials.MakeRoom };
        Flusher = flusher;
        Commits = new GroupCommit(Flusher, new DirectoryCache(root, staging.Trees));
    }

    /// <summary>The highest level this store gives: what the options say, lowered on file systems that keep nothing.</summary>
    public Durability HighestLevel { get; }

    /// <summary>A sentence for the log when <see cref="HighestLevel"/> is lower than asked for; else null.</summary>
    public string? DurabilityNote { get; }

    /// <summary>The served directory itself.</summary>
    public ConfinedDirectory Root { get; }

    public StagingArea Staging { get; }

    /// <summary>Parts of files, and who writes which.</summary>
    public Partials Partials { get; }

    public SpaceBudget Space { get; }

    public FileSystemFlusher Flusher { get; }

    public CopyBuffers Copies { get; } = new();

    /// <summary>Publishes batches of small files.</summary>
    public GroupCommit Commits { get; }

    /// <summary>True when an existing name keeps a file out.</summary>
    public bool KeepsExisting => Existing is ExistingFiles.Keep or ExistingFiles.Refuse;

    /// <summary>What happens when a file's name exists.</summary>
    public ExistingFiles Existing { get; }

    /// <summary>True on tmpfs and ramfs.</summary>
    public bool KeepsNothing { get; }

    /// <summary>Opens the root, takes its lock, prepares and sweeps <c>.ferry</c>.</summary>
    /// <exception cref="FerryException">The root cannot be served; the message says why and what to do.</exception>
    public static Store Open(FerryServerOptions options)
    {
        FileSizeSignal.Ignore();
        ConfinedDirectory root = ServedRoot.Open(options.Root);
        StagingArea? staging = null;
        try
        {
            var flusher = new FileSystemFlusher(root);
            staging = StagingArea.Open(root, flusher);
            return new Store(root, flusher, staging, options);
        }
        catch
        {
            staging?.Dispose();
            root.Dispose();
            throw;
        }
    }

    /// <summary>Begins one connection's deliveries. The result is used by one thread at a time.</summary>
    public Delivery BeginDelivery() => new(this);

    /// <summary>The level given to who asks for one, or for none.</summary>
    public Durability LevelFor(Durability? asked) => asked < HighestLevel ? asked.Value : HighestLevel;

    /// <summary>Refuses a file that is, or grows, larger than the options allow.</summary>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.TooLarge"/>.</exception>
    public void CheckFileSize(FerryPath name, long size)
    {
        if (size > maxFileSize)
        {
            throw new FerryException(FerryErrorCode.TooLarge, $"{name} is larger than the {maxFileSize} bytes that this server accepts");
        }
    }

    /// <summary>The receipt of an entry that is not stored.</summary>
    public Receipt NotStored(FerryPath name, EntryKind kind, FerryException reason) => new()
    {
        Name = name,
        Kind = kind,
        Result = reason.Code == FerryErrorCode.Exists && Existing == ExistingFiles.Keep ? ReceiptResult.Kept : reason.Code.Result(),
        Code = reason.Code,
        Reason = reason.Message,
    };

    /// <summary>Gives up the lock and the root.</summary>
    public void Dispose()
    {
        Partials.Dispose();
        Staging.Dispose();
        Root.Dispose();
        Copies.Dispose();
    }
}
