using Ferry.Files;
using Ferry.Server.Storage.Journal;

namespace Ferry.Server.Storage;

/// <summary>
/// One worker's way into the store: checks names, makes directories, hands out files to write. A connection has one, and one more for each
/// worker beside it. Every method throws <see cref="FerryException"/> with the code and reason for the receipt; what it throws for has left no
/// file visible. Used by one thread at a time.
/// </summary>
internal sealed class Delivery : IDisposable
{
    private const uint EverybodyBeforeUmask = 0x1FF; // 0777

    private readonly HashSet<IncomingFile> files = [];
    private readonly MadeDirectories made;
    private ConfinedDirectory? staging;
    private long filesBegun;

    private Delivery(Store store, MadeDirectories made, AtomicTrees trees, DirectoryLinks links)
    {
        Store = store;
        this.made = made;
        Trees = trees;
        Links = links;
        Directories = new DirectoryCache(store.Root, store.Staging.Trees);
    }

    public Delivery(Store store)
        : this(store, new MadeDirectories(), new AtomicTrees(), new DirectoryLinks(store.Root, store.Flusher))
    {
    }

    public Store Store { get; }

    public DirectoryCache Directories { get; }

    public DirectoryLinks Links { get; }

    /// <summary>The connection's; who began it disposes them, after the workers.</summary>
    public AtomicTrees Trees { get; }

    public ExactModes Modes { get; } = new();

    /// <summary>From now on its files and directories belong to a delivery with a key. Nothing may be under way.</summary>
    public void Continue(KeyedDelivery keyed)
    {
        made.Continue(keyed);
        Trees.Keyed = keyed;
    }

    /// <summary>For another worker of the same connection. It has a staging directory of its own: two threads that share one wait for each other.</summary>
    public Delivery BeginBeside() => new(Store, made, Trees, Links);

    /// <summary>
    /// Accepts a file before its content comes: checks the name, what stands there now, size limit and space, and makes missing
    /// parent directories.
    /// </summary>
    /// <param name="name">The name relative to the root.</param>
    /// <param name="expected">What the sender says of it.</param>
    /// <param name="contentIsHere">True when no content would be sent in vain: what stands under the name shows when the file is published.</param>
    /// <exception cref="FerryException">Refused. <see cref="FerryErrorCode.Exists"/> when the name exists and is not to be replaced or numbered.</exception>
    public IncomingFile CreateFile(FerryPath name, FileExpectation expected, bool contentIsHere = false)
    {
        StoredName stored = Check(name, expected, contentIsHere);
        staging ??= Store.Staging.MakeDeliveryDirectory();
        return Add(new IncomingFile(this, stored, WithPlainMode(expected), staging, StagingArea.NumberText(++filesBegun)));
    }

    /// <summary>The same for a file of which a part is kept when its connection breaks.</summary>
    /// <param name="name">A name that <see cref="Check"/> has accepted.</param>
    /// <param name="expected">What the sender says of it.</param>
    /// <param name="partial">Its file; owned from now on.</param>
    public IncomingFile CreateFile(StoredName name, FileExpectation expected, PartialFile partial) =>
        Add(new IncomingFile(this, name, WithPlainMode(expected), partial));

    /// <summary>Checks whether a file may come, as <see cref="CreateFile(FerryPath, FileExpectation, bool)"/> does, and makes missing parent directories.</summary>
    public StoredName Check(FerryPath name, FileExpectation expected, bool contentIsHere = false)
    {
        StoredName stored = Trees.Place(name);
        Store.CheckFileSize(name, expected.Size ?? 0);
        ConfinedDirectory directory = Directories.OpenOrMake(stored.Directory);
        if (!stored.Waits && (!contentIsHere || Store.KeepsExisting) && directory.TryGetStatus(stored.Last, out var status))
        {
            ExistingName.Check(name, status, Store.Existing);
        }
        return stored;
    }

    /// <summary>Makes a directory (writable by the server until it is closed), or accepts one that exists.</summary>
    /// <param name="name">The name relative to the root.</param>
    /// <param name="mode">The mode it will have, when that is known: nobody else gets more from the beginning.</param>
    /// <exception cref="FerryException">Refused; <see cref="FerryErrorCode.NotDirectory"/> when something else has that name.</exception>
    public void CreateDirectory(FerryPath name, uint? mode = null)
    {
        StoredName stored = Trees.Place(name);
        uint firstMode = (mode ?? EverybodyBeforeUmask) & EverybodyBeforeUmask | MadeDirectories.OwnerMayAll;
        bool isNew = Directories.InDirectoryOf(stored, parent => made.TryMake(parent, stored, firstMode));
        ConfinedDirectory directory = Directories.Open(stored.Path.Bytes);
        if (isNew)
        {
            made.Add(directory);
        }
    }

    /// <summary>Gives a directory made by this delivery its mode and time; one that existed keeps its own.</summary>
    /// <returns>The directory, which stays open until the next call.</returns>
    public ConfinedDirectory CompleteDirectory(FerryPath name, EntryMetadata metadata)
    {
        ConfinedDirectory directory = Directories.Open(Trees.Place(name).Path.Bytes);
        if (made.Remove(directory))
        {
            if (metadata.Mode is { } mode)
            {
                // The bit that hands its group down came from the directory above, not from the sender.
                directory.SetMode(mode & EntryMetadata.ModeMask | (directory.Status.HasSetGroupBit ? MadeDirectories.SetGroupBit : 0));
            }
            if (metadata.Modified is { } modified)
            {
                directory.SetModified(modified);
            }
            made.Ended(directory);
        }
        return directory;
    }

    /// <summary>Closes every descriptor still held; files not published are removed.</summary>
    public void Dispose()
    {
        IncomingFile[] left;
        lock (files)
        {
            left = [.. files];
        }
        foreach (IncomingFile file in left)
        {
            file.Dispose();
        }
        Directories.Dispose();
        if (staging is not null)
        {
            Store.Staging.RemoveDeliveryDirectory(staging);
            staging.Dispose();
            staging = null;
        }
    }

    private static FileExpectation WithPlainMode(FileExpectation expected) =>
        expected with { Metadata = expected.Metadata with { Mode = expected.Metadata.Mode & EntryMetadata.ModeMask } };

    private IncomingFile Add(IncomingFile file)
    {
        lock (files)
        {
            files.Add(file);
        }
        return file;
    }

    /// <summary>A file is published, parked or removed, by whatever thread.</summary>
    internal void Ended(IncomingFile file)
    {
        lock (files)
        {
            files.Remove(file);
        }
    }
}
