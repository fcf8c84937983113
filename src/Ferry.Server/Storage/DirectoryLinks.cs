using System.IO.Hashing;
using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>Which directory it is, whatever its name: an inode number is used again, but not with the same birth.</summary>
internal readonly record struct DirectoryIdentity(ulong Inode, TimeStamp Born)
{
    public static DirectoryIdentity Of(ConfinedDirectory directory) => new(directory.Status.Inode, directory.Status.Born);
}

/// <summary>
/// Makes the way to a directory outlive a power cut (invariant 2): a new entry needs its directory flushed, and every
/// directory above that may be new, up to the root. What was flushed once on a connection is not flushed again.
/// </summary>
internal sealed class DirectoryLinks
{
    /// <summary>To forget costs flushes, never safety, so that the memory of a delivery has a bound.</summary>
    private const int MostRemembered = 10_000;

    private readonly ConfinedDirectory root;
    private readonly FileSystemFlusher flusher;

    /// <summary>Directories whose names, up to the root, are on the device. A path may be long; its hash is enough.</summary>
    private readonly HashSet<(UInt128 PathHash, DirectoryIdentity Identity)> flushed = [];
    private long generation;

    public DirectoryLinks(ConfinedDirectory root, FileSystemFlusher flusher)
    {
        this.root = root;
        this.flusher = flusher;
        BeginAnew();
    }

    /// <summary>Nothing is under way: a flush that has failed until now says nothing of what comes from now on.</summary>
    public void BeginAnew() => generation = flusher.Generation;

    /// <summary>Makes sure that no flush that many share has failed since: the error may have been about something that is under way here.</summary>
    /// <exception cref="FerryException">One has; it is never tried again.</exception>
    public void ThrowIfFlushFailed() => flusher.ThrowIfFailedSince(generation);

    /// <summary>Flushes a directory that has a new entry, and the way to it. Any thread may call it.</summary>
    /// <exception cref="FerryException">A flush failed, of this or of another: what it was for counts as not stored, and is not tried again.</exception>
    public void FlushUpToRoot(ConfinedDirectory directory)
    {
        flusher.Flush(directory);
        var onTheWay = new List<(UInt128, DirectoryIdentity)>();
        ReadOnlySpan<byte> path = directory.Path.Bytes;
        DirectoryIdentity identity = DirectoryIdentity.Of(directory);
        while (!path.IsEmpty)
        {
            var link = (XxHash128.HashToUInt128(path), identity);
            if (IsFlushed(link))
            {
                break;
            }
            onTheWay.Add(link);
            path = path[..Math.Max(path.LastIndexOf((byte)'/'), 0)];
            identity = FlushDirectory(path);
        }
        ThrowIfFlushFailed();
        lock (flushed)
        {
            if (flushed.Count + onTheWay.Count > MostRemembered)
            {
                flushed.Clear();
            }
            flushed.UnionWith(onTheWay);
        }
    }

    private bool IsFlushed((UInt128, DirectoryIdentity) link)
    {
        lock (flushed)
        {
            return flushed.Contains(link);
        }
    }

    private DirectoryIdentity FlushDirectory(ReadOnlySpan<byte> path)
    {
        if (path.IsEmpty)
        {
            flusher.Flush(root);
            return DirectoryIdentity.Of(root);
        }
        using ConfinedDirectory directory = root.OpenDirectory(path);
        flusher.Flush(directory);
        return DirectoryIdentity.Of(directory);
    }
}
