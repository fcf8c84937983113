using Ferry.Files;
using Ferry.Server.Storage.Journal;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>A file that is arriving: invisible in staging until it is published. Disposing one that is not published removes it.</summary>
internal sealed class IncomingFile : IDisposable
{
    /// <summary>Below this size, reserving blocks costs more than it brings.</summary>
    private const long SmallestAllocation = 1 << 20;

    /// <summary>How much is written before the kernel is asked to begin its write-back.</summary>
    private const long WriteBackStep = 8 << 20;

    private readonly Delivery delivery;
    private readonly StoredName name;
    private readonly FileExpectation expected;
    private readonly SpacePromise space;
    private readonly StagedFile staged;

    /// <summary>Set when a part of the file outlives its connection.</summary>
    private readonly PartialFile? partial;
    private long length;
    private long writtenBack;
    private bool begun;

    /// <param name="delivery">What it belongs to.</param>
    /// <param name="name">The name it is sent under.</param>
    /// <param name="expected">What the sender says of it.</param>
    /// <param name="staging">The delivery's own directory.</param>
    /// <param name="temporaryName">A free name there.</param>
    /// <exception cref="FerryException">No space, or the file could not be made.</exception>
    public IncomingFile(Delivery delivery, StoredName name, in FileExpectation expected, ConfinedDirectory staging, byte[] temporaryName)
        : this(delivery, name, expected)
    {
        space.Ask(expected.Size ?? 0);
        try
        {
            staged = new StagedFile(staging, temporaryName, name.Shown, expected.Metadata.Mode ?? StagedFile.ReadersAndWritersBeforeUmask);
        }
        catch
        {
            space.Dispose();
            throw;
        }
    }

    /// <summary>A file of which a part is kept when its connection breaks, and perhaps is there already.</summary>
    /// <param name="delivery">What it belongs to.</param>
    /// <param name="name">The name it is sent under.</param>
    /// <param name="expected">What the sender says of it; its size is known.</param>
    /// <param name="partial">The part; owned from now on, and parked again when there is no space for the rest.</param>
    /// <exception cref="FerryException">No space.</exception>
    public IncomingFile(Delivery delivery, StoredName name, in FileExpectation expected, PartialFile partial)
        : this(delivery, name, expected)
    {
        this.partial = partial;
        staged = partial.Staged;
        try
        {
            if (partial.HeldLength > expected.Size)
            {
                partial.Empty();
            }
            length = writtenBack = partial.HeldLength;
            space.Ask(expected.Size!.Value - length);
        }
        catch
        {
            space.Dispose();
            partial.Park(partial.HeldLength, null);
            throw;
        }
    }

    private IncomingFile(Delivery delivery, StoredName name, in FileExpectation expected)
    {
        this.delivery = delivery;
        this.name = name;
        this.expected = expected;
        Level = Store.LevelFor(expected.Level);
        space = new SpacePromise(Store.Space, name.Shown);
        // Set by whoever calls this.
        staged = null!;
    }

    /// <summary>Bytes of it that arrived on an earlier connection and were not given up.</summary>
    public long HeldLength => partial?.HeldLength ?? 0;

    /// <summary>The level it will have.</summary>
    public Durability Level { get; }

    /// <summary>The name it is stored under once it is published: another than asked for with <see cref="ExistingFiles.Number"/>.</summary>
    public FerryPath StoredAs { get; private set; }

    /// <summary>True for a file in a directory that is published as a whole.</summary>
    public bool Waits => name.Waits;

    /// <summary>What is written down of it before it is published; null in a delivery without a key.</summary>
    public JournalRecord? Intent { get; set; }

    private Store Store => delivery.Store;

    /// <summary>Appends content.</summary>
    /// <exception cref="FerryException">No space, over the size limit, more than announced, or the storage failed.</exception>
    public void Write(ReadOnlySpan<byte> content)
    {
        long newLength = length + content.Length;
        if (expected.Size is { } size && newLength > size)
        {
            throw new FerryException(FerryErrorCode.SizeMismatch, $"{name.Shown} was announced with {size} bytes, and more came");
        }
        if (expected.Size is null)
        {
            Store.CheckFileSize(name.Shown, newLength);
            space.Ask(content.Length);
        }
        if (!begun)
        {
            Begin();
        }
        staged.Write(content, length);
        space.Use(content.Length);
        length = newLength;
        if (Level == Durability.Durable && length - writtenBack >= WriteBackStep)
        {
            staged.StartWriteBack(writtenBack, length - writtenBack);
            writtenBack = length;
        }
    }

    /// <summary>Flushes what it holds: only then may anybody be told how much that is (invariant 3).</summary>
    /// <exception cref="FerryException">The flush failed; the file is of no use any more.</exception>
    public void FlushHeld() => staged.FlushSoFar();

    /// <summary>The hash over what it holds.</summary>
    public ContentHash TakeHeldHash(CancellationToken cancellationToken) => partial!.TakeHash(expected.Algorithm!, cancellationToken);

    /// <summary>Gives up what it holds: the sender's bytes are others.</summary>
    /// <exception cref="FerryException">No space for what is to come in its place.</exception>
    public void BeginAnew()
    {
        long held = length;
        partial!.Empty();
        length = writtenBack = 0;
        space.Ask(held);
    }

    /// <summary>Keeps what has come for a later connection, or removes it where that is not worth it.</summary>
    /// <param name="hash">The hash over exactly that; null when it is not known. Owned from now on.</param>
    public void Park(ContentHash? hash)
    {
        if (partial is null)
        {
            hash?.Dispose();
            Dispose();
            return;
        }
        delivery.Ended(this);
        space.Dispose();
        partial.Park(length, hash);
    }

    /// <summary>Takes the content of an open file by sharing its blocks; false where the file system cannot, and nothing has changed then.</summary>
    /// <param name="source">The file, of the size announced.</param>
    /// <exception cref="FerryException">The file system can and failed.</exception>
    public bool TryClone(SafeFileHandle source)
    {
        if (expected.Size is not > 0 || !staged.TryClone(source))
        {
            return false;
        }
        length = expected.Size.Value;
        return true;
    }

    /// <summary>Gives the file everything but its name: mode, time, and the group that a setgid directory hands down. No content comes after it.</summary>
    /// <param name="worker">Who does it: perhaps another than the one that made the file.</param>
    /// <exception cref="FerryException">The content is not all there, or the storage failed.</exception>
    public void Complete(Delivery worker)
    {
        if (expected.Size is { } size && length != size)
        {
            throw new FerryException(FerryErrorCode.SizeMismatch, $"{name.Shown} was announced with {size} bytes, and {length} came");
        }
        // Before anybody can see it: renaming hands no group down, as making it there would have.
        ConfinedDirectory directory = worker.Directories.OpenOrMake(name.Directory);
        if (directory.Status.HasSetGroupBit)
        {
            staged.SetGroup(directory.Status.Group);
        }
        if (expected.Metadata.Mode is { } mode && (partial is not null || directory.Status.HasSetGroupBit || !worker.Modes.IsExact(mode, staged)))
        {
            staged.SetMode(mode);
        }
        // After the last write, which would set it anew.
        if (expected.Metadata.Modified is { } modified)
        {
            staged.SetModified(modified);
        }
    }

    /// <summary>Publishes at once a complete file that needs no flush: not durable, and under a name that does not exist.</summary>
    /// <returns>False when it needs one.</returns>
    public bool TryPublishUnflushed(DirectoryCache directories) => Level == Durability.Received && TryPublish(directories, isFlushed: Store.KeepsNothing);

    /// <summary>Flushes content and metadata to the device.</summary>
    public void Flush() => staged.Flush();

    /// <summary>Gives the descriptor up before a flush of the whole file system. Of a partial file it is the lock that keeps others away.</summary>
    public void Close()
    {
        if (partial is null)
        {
            staged.Close();
        }
    }

    /// <summary>Notes that the whole file system was flushed.</summary>
    /// <exception cref="FerryException">That has failed, then or since nothing of its connection was under way.</exception>
    public void MarkFlushed()
    {
        ThrowIfFlushFailed();
        staged.MarkFlushed();
    }

    /// <inheritdoc cref="DirectoryLinks.ThrowIfFlushFailed"/>
    public void ThrowIfFlushFailed() => delivery.Links.ThrowIfFlushFailed();

    /// <summary>Publishes a complete file that is flushed (invariants 1 and 2).</summary>
    /// <param name="directories">Where its directory is found, or made when it was removed meanwhile.</param>
    public void Publish(DirectoryCache directories) => TryPublish(directories, isFlushed: true);

    /// <summary>Opens the directory that a published file is in.</summary>
    public ConfinedDirectory DirectoryIn(DirectoryCache directories) => directories.Open(name.Directory);

    /// <summary>Completes and publishes this file alone, as safely as its level says.</summary>
    /// <returns>The name it is stored under and the level reached.</returns>
    /// <exception cref="FerryException">It is not stored; or, when only the flush of a directory failed, visible but not safe.</exception>
    public (FerryPath Name, Durability Level) Commit()
    {
        Complete(delivery);
        if (!TryPublishUnflushed(delivery.Directories))
        {
            Flush();
            Publish(delivery.Directories);
            if (Level == Durability.Durable)
            {
                delivery.Links.FlushUpToRoot(DirectoryIn(delivery.Directories));
            }
        }
        return (StoredAs, Level);
    }

    /// <summary>
    /// What tells later whether it still waits to be published. What it is needs a look only where its place does not tell that: the place of a partial file is used
    /// again; where names get numbers it has to be found under another; and at level durable it has to be found after a power cut, unless its content tells it, which
    /// is enough where at worst it is stored once more.
    /// </summary>
    /// <param name="receipt">The receipt that it gets.</param>
    public StagedIdentity Identify(Receipt receipt)
    {
        bool placeTells = partial is null && Store.Existing switch
        {
            ExistingFiles.Number => false,
            ExistingFiles.Replace => Level == Durability.Received || JournalRecovery.IsKnownByContent(receipt),
            _ => Level == Durability.Received,
        };
        return placeTells ? staged.Place : staged.Identify();
    }

    /// <summary>Leaves it in staging, where the next start finds it.</summary>
    public void Leave() => staged.Leave();

    /// <summary>Removes what was not published.</summary>
    public void Dispose()
    {
        delivery.Ended(this);
        space.Dispose();
        if (partial is not null)
        {
            partial.End();
        }
        else
        {
            staged.Dispose();
        }
    }

    private void Begin()
    {
        begun = true;
        partial?.WriteRecord(expected, Store.Partials.Clock);
        Allocate();
    }

    /// <summary>Before the first content and not before a clone, which needs no blocks of its own.</summary>
    private void Allocate()
    {
        if (expected.Size >= SmallestAllocation && !Store.KeepsNothing && staged.TryAllocate(expected.Size.Value))
        {
            // From here on the file system counts it, all at once.
            space.Use(expected.Size.Value);
        }
    }

    private bool TryPublish(DirectoryCache directories, bool isFlushed)
    {
        StoredName? published = directories.InDirectoryOf(name, directory => TryPublish(directory, isFlushed));
        StoredAs = published?.Shown ?? default;
        return published is not null;
    }

    private StoredName? TryPublish(ConfinedDirectory directory, bool isFlushed)
    {
        for (int attempt = 0; attempt < ExistingName.MostAttempts; attempt++)
        {
            if (staged.TryPublish(directory, name.Last))
            {
                return name;
            }
            if (!directory.TryGetStatus(name.Last, out var status))
            {
                continue; // It was removed between the two calls.
            }
            ExistingFiles policy = name.Waits ? ExistingFiles.Replace : Store.Existing;
            ExistingName.Check(name.Shown, status, policy);
            if (policy == ExistingFiles.Number)
            {
                return PublishBeside(directory);
            }
            if (!isFlushed)
            {
                return null;
            }
            staged.PublishInPlace(directory, name.Last);
            return name;
        }
        throw ExistingName.NeverSettles(name.Shown);
    }

    private StoredName PublishBeside(ConfinedDirectory directory)
    {
        for (int number = 1; number <= NumberedName.Highest; number++)
        {
            byte[] numbered = NumberedName.Make(name.Last, number);
            if (staged.TryPublish(directory, numbered))
            {
                return name.WithLast(numbered);
            }
        }
        throw ExistingName.NumbersAreTaken(name.Shown);
    }
}
