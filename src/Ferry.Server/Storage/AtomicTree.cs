using Ferry.Files;
using Ferry.Native;
using Ferry.Server.Storage.Journal;
using Ferry.Wire;

namespace Ferry.Server.Storage;

/// <summary>
/// A directory that arrives whole or not at all: it is filled under a name of the server's own, <c>.ferry/trees/N</c>, and takes its name in one
/// rename once everything in it is there. What it replaces takes its place below <c>.ferry</c>, and is removed when this is disposed.
/// </summary>
internal sealed class AtomicTree : IDisposable
{
    private const uint OwnerMayAll = MadeDirectories.OwnerMayAll;

    private readonly Store store;
    private readonly StoredName target;
    private readonly byte[]? name;
    private readonly KeyedDelivery? keyed;
    private FerryException? firstFailure;
    private int failures;
    private int held;
    private bool isLeft;

    /// <summary>Makes the directory that is filled.</summary>
    /// <param name="worker">The way into the store.</param>
    /// <param name="target">The name that it is to have.</param>
    /// <param name="offer">The offer.</param>
    /// <param name="keyed">The delivery it belongs to, where that has a key.</param>
    /// <exception cref="FerryException">It cannot arrive under that name, or not in one step.</exception>
    public AtomicTree(Delivery worker, StoredName target, in Offer offer, KeyedDelivery? keyed)
    {
        store = worker.Store;
        this.target = target;
        ConfinedDirectory parent = worker.Directories.OpenOrMake(target.Directory);
        Replaces = parent.TryGetStatus(target.Last, out FileStatus status);
        if (Replaces)
        {
            ExistingName.CheckDirectory(target.Path, status, store.Existing);
            // That shows before any content is sent.
            if (store.Existing == ExistingFiles.Replace && !Trees.CanExchange())
            {
                throw CannotExchange();
            }
        }
        this.keyed = offer.Source is null ? null : keyed;
        name = Take(offer);
        using ConfinedDirectory directory = OpenWaiting();
        InheritGroup(parent, directory);
    }

    /// <summary>Stands for one that is refused, so that nothing of it is stored elsewhere.</summary>
    public AtomicTree(Store store, StoredName target, FerryException refusal)
    {
        this.store = store;
        this.target = target;
        Refusal = WireText.Shorten(refusal);
    }

    /// <summary>Why nothing of it is stored; null when it may arrive.</summary>
    public FerryException? Refusal { get; }

    /// <summary>True when its name existed at the offer.</summary>
    public bool Replaces { get; }

    /// <summary>True once its end has come, after which nothing more belongs to it.</summary>
    public bool HasEnded { get; set; }

    /// <summary>How many entries in it have arrived.</summary>
    public int Held => Volatile.Read(ref held);

    private WaitingTrees Trees => store.Staging.Trees;

    /// <summary>True for its own name.</summary>
    public bool Is(FerryPath sent) => sent == target.Path;

    /// <summary>True for names of what is in it.</summary>
    public bool Contains(FerryPath sent)
    {
        ReadOnlySpan<byte> own = target.Path.Bytes;
        return sent.Bytes.Length > own.Length && sent.Bytes[own.Length] == (byte)'/' && sent.Bytes.StartsWith(own);
    }

    /// <summary>Where something in it waits.</summary>
    /// <exception cref="FerryException">The directory was refused.</exception>
    public StoredName Place(FerryPath sent) => Refusal is null
        ? StoredName.Below(Join(WaitingTrees.Path, name!), sent.Bytes[(target.Path.Bytes.Length + 1)..], sent)
        : throw new FerryException(FerryErrorCode.Incomplete, $"{target.Path}, in which {sent} was to arrive, is refused: {Refusal.Message}");

    /// <summary>What the receipt of something in it says: it is stored only when the whole is.</summary>
    public Receipt Hold(Receipt receipt)
    {
        if (receipt.Result == ReceiptResult.Stored)
        {
            Interlocked.Increment(ref held);
            return receipt with { Result = ReceiptResult.Held };
        }
        // Several threads answer.
        Interlocked.Increment(ref failures);
        Interlocked.CompareExchange(ref firstFailure, new FerryException(receipt.Code ?? FerryErrorCode.Internal, $"{receipt.Name}: {receipt.Reason}"), null);
        return receipt;
    }

    /// <summary>Gives the directory its name, when everything in it is there.</summary>
    /// <param name="worker">The way into the store.</param>
    /// <param name="offer">As it was offered, with its mode and time.</param>
    /// <param name="level">The level to reach; all that is in it has reached it.</param>
    /// <param name="isFlushed">True when the file system was flushed since the last change in it.</param>
    /// <returns>Its receipt.</returns>
    /// <exception cref="FerryException">Something in it is missing, or it cannot take its name: nothing of it is stored.</exception>
    public Receipt Publish(Delivery worker, in Offer offer, Durability level, bool isFlushed)
    {
        if (failures > 0)
        {
            throw new FerryException(
                FerryErrorCode.Incomplete,
                $"{target.Path} is not stored, because {failures} of the entries in it did not arrive, the first of them {firstFailure!.Message}");
        }
        // An error of a flush may have been that of something in it which was not flushed by itself.
        worker.Links.ThrowIfFlushFailed();
        ConfinedDirectory parent = worker.Directories.OpenOrMake(target.Directory);
        using ConfinedDirectory directory = OpenWaiting();
        var receipt = new Receipt { Name = target.Path, Kind = EntryKind.Directory, Result = ReceiptResult.Stored, Level = level };
        if (keyed?.IdOf(offer) is not { } id)
        {
            return receipt with { Name = Publish(worker, directory, parent, offer.Metadata, (level, isFlushed)) };
        }
        var staged = new StagedIdentity(WaitingTrees.Path, FerryPath.FromBytes(name), directory.Status.Inode, directory.Status.Born);
        JournalRecord intent = keyed.IntentOf(id, offer, receipt, staged);
        try
        {
            keyed.Intend([intent], level == Durability.Durable);
            receipt = receipt with { Name = Publish(worker, directory, parent, offer.Metadata, (level, isFlushed)) };
        }
        catch (FerryException)
        {
            // What cannot be said not to be published stays where the next start sees it.
            isLeft = !keyed.TrySettle([(intent, null)]);
            throw;
        }
        keyed.TrySettle([(intent, receipt.Name)]);
        return receipt;
    }

    private FerryPath Publish(
        Delivery worker, ConfinedDirectory directory, ConfinedDirectory parent, in EntryMetadata metadata, (Durability Level, bool IsFlushed) safety)
    {
        uint mode = (metadata.Mode ?? directory.Status.Permissions & ~WaitingTrees.Waiting) & EntryMetadata.ModeMask;
        if (directory.Status.HasSetGroupBit)
        {
            mode |= MadeDirectories.SetGroupBit;
        }
        // Who is not root can move a directory only while it may write into it.
        directory.SetMode(mode | OwnerMayAll);
        FerryPath stored = TakeName(parent, directory, safety.IsFlushed || safety.Level == Durability.Durable);
        if ((mode & OwnerMayAll) != OwnerMayAll)
        {
            directory.SetMode(mode);
        }
        if (metadata.Modified is { } modified)
        {
            directory.SetModified(modified);
        }
        if (safety.Level == Durability.Durable)
        {
            store.Flusher.Flush(directory);
            store.Flusher.Flush(Trees.Directory);
            worker.Links.FlushUpToRoot(parent);
        }
        return stored;
    }

    /// <summary>The connection is over before the directory was: one of a delivery with a key waits for the next connection.</summary>
    public void Leave()
    {
        isLeft |= keyed is not null;
        Dispose();
    }

    /// <summary>Removes what did not arrive whole, or what was replaced.</summary>
    public void Dispose()
    {
        if (name is null)
        {
            return;
        }
        if (isLeft)
        {
            Trees.Leave(name);
            return;
        }
        Trees.Release(name);
        try
        {
            WholeTree.Remove(Trees.Directory, name);
        }
        catch (FerryException)
        {
            // The next start tries again, and says what is in the way.
        }
    }

    private FerryPath TakeName(ConfinedDirectory parent, ConfinedDirectory directory, bool isFlushed)
    {
        for (int attempt = 0; attempt < ExistingName.MostAttempts; attempt++)
        {
            if (Trees.Directory.TryRenameDirectory(name, parent, target.Last))
            {
                return target.Path;
            }
            if (!parent.TryGetStatus(target.Last, out FileStatus status))
            {
                continue; // It was removed between the two calls.
            }
            ExistingName.CheckDirectory(target.Path, status, store.Existing);
            if (store.Existing == ExistingFiles.Number)
            {
                return TakeNumber(parent);
            }
            // What replaces a name is flushed first, at either level: else a power cut could leave neither the old content nor the new (invariant 1).
            if (!isFlushed && !store.KeepsNothing)
            {
                WholeTree.Flush(directory);
            }
            Exchange(parent, status);
            return target.Path;
        }
        throw ExistingName.NeverSettles(target.Path);
    }

    private void Exchange(ConfinedDirectory parent, in FileStatus old)
    {
        // The directory that is replaced must be writable as well, to be moved away; it is removed a moment later.
        bool isLocked = (old.Permissions & OwnerMayAll) != OwnerMayAll;
        using ConfinedDirectory? unlocked = isLocked ? parent.OpenDirectory(target.Last) : null;
        unlocked?.SetMode(old.Permissions | OwnerMayAll);
        bool exchanged = false;
        try
        {
            exchanged = Trees.TryReplace(name, parent, target.Last);
        }
        finally
        {
            if (!exchanged)
            {
                unlocked?.SetMode(old.Permissions);
            }
        }
        if (!exchanged)
        {
            throw CannotExchange();
        }
    }

    private FerryPath TakeNumber(ConfinedDirectory parent)
    {
        for (int number = 1; number <= NumberedName.Highest; number++)
        {
            byte[] numbered = NumberedName.MakeForDirectory(target.Last, number);
            if (Trees.Directory.TryRenameDirectory(name, parent, numbered))
            {
                return target.WithLast(numbered).Path;
            }
        }
        throw ExistingName.NumbersAreTaken(target.Path);
    }

    private FerryException CannotExchange() => new(
        FerryErrorCode.Exists, $"{target.Path} exists, and this file system cannot exchange two directories in one step; remove it first, or send without --atomic");

    /// <summary>
    /// With a key it has a name that the next connection finds; but not after another start of the machine, which what is in it may not have outlived.
    /// </summary>
    private byte[] Take(in Offer offer)
    {
        if (keyed is null)
        {
            return offer.GoesOn
                ? throw new FerryException(FerryErrorCode.Incomplete, $"{target.Path} cannot go on: this delivery has no key under which what had arrived was kept; send it again")
                : Trees.Make();
        }
        return Trees.Take(keyed.User, keyed.TreeOf(offer) ^ BootIdentity.Read(), offer.GoesOn);
    }

    private ConfinedDirectory OpenWaiting() => Trees.Directory.OpenDirectory(name);

    private static void InheritGroup(ConfinedDirectory parent, ConfinedDirectory directory)
    {
        if (parent.Status.HasSetGroupBit)
        {
            directory.SetGroup(parent.Status.Group);
            directory.SetMode(OwnerMayAll | WaitingTrees.Waiting | MadeDirectories.SetGroupBit);
        }
    }

    private static FerryPath Join(FerryPath directory, byte[] last) => FerryPath.FromBytes([.. directory.Bytes, (byte)'/', .. last]);
}
