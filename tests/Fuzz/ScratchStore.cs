using Ferry.Files;
using Ferry.Native;
using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Wire;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Fuzz;

/// <summary>
/// A real store in memory for one input after the other. Before each there are a file, a directory and a symbolic link in it; after each, what is visible is
/// compared with the receipts, and everything is removed.
/// </summary>
internal sealed class ScratchStore : IDeliveryObserver, IDisposable
{
    /// <summary>What is missing of the part that waits in the store: few bytes, so that an input has room for them.</summary>
    public const int MissingFromPart = 7;

    /// <summary>The name of the part.</summary>
    public static readonly FerryPath Part = "part";

    /// <summary>The size of the file that it is a part of.</summary>
    public const long WholePart = ProtocolLimits.LeastResumableBytes;

    private static readonly byte[] Old = "old"u8.ToArray();

    private readonly string directory = NewPath();
    private readonly FerryServerOptions options;
    private readonly Store store;
    private readonly DeliveryLog deliveries;
    private readonly List<Receipt> receipts = [];

    public ScratchStore(ExistingFiles existing)
    {
        options = new FerryServerOptions { Root = directory, Address = "unused", Existing = existing };
        store = Store.Open(options);
        deliveries = new DeliveryLog(NullLogger.Instance, [this], TimeProvider.System);
    }

    /// <summary>A path that nobody has, in memory where there is any.</summary>
    public static string NewPath() => Path.Combine(Directory.Exists("/dev/shm") ? "/dev/shm" : Path.GetTempPath(), $"ferry-fuzz-{Guid.NewGuid():N}");

    /// <summary>What a session needs; for one input.</summary>
    /// <param name="user">Whose delivery it is; null when the kernel could not say, and deliveries have no keys.</param>
    /// <param name="holdsPart">Whether a part of a file of that user waits to be gone on with: zeros.</param>
    public SessionContext Begin(uint? user = null, bool holdsPart = false)
    {
        receipts.Clear();
        File.WriteAllBytes(Path.Combine(directory, "file"), Old);
        Directory.CreateDirectory(Path.Combine(directory, "directory"));
        File.CreateSymbolicLink(Path.Combine(directory, "link"), "/");
        if (holdsPart && user is { } sender)
        {
            LeavePart(sender);
        }
        return new SessionContext(options, store, new DeliveryRecord("fuzz", deliveries), CancellationToken.None, CancellationToken.None) { User = user };
    }

    /// <summary>What a user's journal holds; null when there is none.</summary>
    public byte[]? ReadJournal(uint user) => Path.Combine(directory, ".ferry", "journal", $"{user}") is var file && File.Exists(file) ? File.ReadAllBytes(file) : null;

    /// <summary>Compares what is there with what was promised, and removes it.</summary>
    /// <param name="replacesTrees">Whether a whole directory may have taken the place of another, with what had a receipt in there.</param>
    public void End(bool replacesTrees = false)
    {
        // What is held is visible once the directory around it is stored, perhaps under another name.
        var held = receipts.FindAll(receipt => receipt is { Result: ReceiptResult.Held, Kind: EntryKind.File }).Select(receipt => (receipt.Size, receipt.Hash!));
        var stored = receipts
            .Where(receipt => receipt is { Result: ReceiptResult.Stored, Kind: EntryKind.File })
            .ToLookup(receipt => receipt.Name, receipt => (receipt.Size, receipt.Hash!));
        Dictionary<FerryPath, byte[]> visible = [];
        store.Partials.MakeRoom(long.MaxValue);
        RemoveAll(store.Root, visible);
        foreach (IGrouping<FerryPath, (long, string)> promised in stored.Where(promised => !replacesTrees && !visible.ContainsKey(promised.Key)))
        {
            throw new FindingException($"{promised.Key} has a receipt and is not there");
        }
        foreach ((FerryPath name, byte[] content) in visible)
        {
            bool isOld = name == "file" && content.AsSpan().SequenceEqual(Old) && !stored.Contains(name);
            if (!isOld && !stored[name].Concat(held).Any(promised => IsOf(content, promised)))
            {
                throw new FindingException($"{name} holds {content.Length} bytes and has no receipt for them");
            }
        }
        if (receipts.Find(receipt => receipt.Result == ReceiptResult.StorageError || receipt.Code == FerryErrorCode.Internal) is { } failed)
        {
            throw new FindingException($"{failed.Name}: {failed.Reason}");
        }
    }

    public void Received(Receipt receipt)
    {
        lock (receipts)
        {
            receipts.Add(receipt);
        }
    }

    public void Ended(DeliverySummary delivery)
    {
    }

    public void Dispose()
    {
        store.Dispose();
        deliveries.Dispose();
        Directory.Delete(directory, recursive: true);
    }

    private static bool IsOf(byte[] content, (long Size, string Hash) promised) =>
        content.Length == promised.Size
        && ContentHash.Algorithms.Any(algorithm => promised.Hash == ContentHash.ToText(algorithm, ContentHash.Of(algorithm, content)));

    /// <summary>Removes everything, by way of open directories: names may be as long and as strange as they like.</summary>
    private static void RemoveAll(ConfinedDirectory directory, Dictionary<FerryPath, byte[]> visible)
    {
        foreach (FerryPath name in directory.ReadNames())
        {
            if (directory.Path.IsEmpty && name.Bytes.SequenceEqual(StoredName.Reserved))
            {
                Forget(directory);
                continue;
            }
            directory.TryGetStatus(name.Bytes, out FileStatus status);
            if (status.IsDirectory)
            {
                using (ConfinedDirectory below = directory.OpenDirectory(name.Bytes))
                {
                    RemoveAll(below, visible);
                }
                directory.RemoveDirectory(name.Bytes);
                continue;
            }
            if (status.IsRegularFile)
            {
                visible.Add(directory.Path.IsEmpty ? name : FerryPath.FromBytes([.. directory.Path.Bytes, (byte)'/', .. name.Bytes]), Read(directory, name, status.Size));
            }
            directory.RemoveFile(name.Bytes);
        }
    }

    /// <summary>Has the store hold a part, as a connection leaves one that broke.</summary>
    private void LeavePart(uint user)
    {
        var expected = new FileExpectation(WholePart, new EntryMetadata(0x1A4, null), Durability.Received) { Algorithm = ContentHash.XxHash };
        PartialFile file = store.Partials.Open(store.Partials.TryClaim(user, Part, new GoneHolder(), out _)!);
        file.WriteRecord(expected, store.Partials.Clock);
        file.Staged.Write([0], WholePart - MissingFromPart - 1);
        file.Park(WholePart - MissingFromPart, null);
    }

    /// <summary>Nothing is staged any more, and no part is left of those that waited. What else waits for a delivery to go on is removed, so that the next input finds what this one found.</summary>
    private static void Forget(ConfinedDirectory root)
    {
        using ConfinedDirectory incoming = root.OpenDirectory(".ferry/incoming"u8);
        if (incoming.ReadNames() is { Count: > 0 } left)
        {
            throw new FindingException($".ferry/incoming still holds {string.Join(", ", left)}");
        }
        using ConfinedDirectory partials = root.OpenDirectory(".ferry/partials"u8);
        foreach (FerryPath user in partials.ReadNames())
        {
            using ConfinedDirectory folder = partials.OpenDirectory(user.Bytes);
            if (folder.ReadNames() is { Count: > 0 } parts)
            {
                throw new FindingException($".ferry/partials/{user} still holds {string.Join(", ", parts)}");
            }
        }
        foreach (string place in new[] { ".ferry/journal", ".ferry/trees" })
        {
            using ConfinedDirectory waiting = root.OpenDirectory(FerryPath.FromString(place).Bytes);
            foreach (FerryPath name in waiting.ReadNames())
            {
                WholeTree.Remove(waiting, name.Bytes);
            }
        }
    }

    private static byte[] Read(ConfinedDirectory directory, FerryPath name, long size)
    {
        using SafeFileHandle file = directory.OpenOrCreateFile(name.Bytes, 0);
        byte[] content = new byte[size];
        return FileCalls.Read(file, content, 0, out int length) == 0 && length == size ? content : throw new FindingException($"{name} cannot be read");
    }
}
