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
/// directory above that may be new, up to the root. What was flushed once in a delivery is not flushed again.
/// </summary>
internal sealed class DirectoryLinks
{
    /// <summary>To forget costs flushes, never safety, so that the memory of a delivery has a bound.</summary>
    private const int MostRemembered = 10_000;

    private readonly ConfinedDirectory root;

    /// <summary>Directories whose names, up to the root, are on the device. A path may be long; its hash is enough.</summary>
    private readonly HashSet<(UInt128 PathHash, DirectoryIdentity Identity)> flushed = [];

    public DirectoryLinks(ConfinedDirectory root) => this.root = root;

    /// <summary>Flushes a directory that has a new entry, and the way to it. Any thread may call it.</summary>
    /// <exception cref="FerryException">A flush failed: what it was for counts as not stored, and is not tried again.</exception>
    public void FlushUpToRoot(ConfinedDirectory directory)
    {
        directory.Flush();
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
            root.Flush();
            return DirectoryIdentity.Of(root);
        }
        using ConfinedDirectory directory = root.OpenDirectory(path);
        directory.Flush();
        return DirectoryIdentity.Of(directory);
    }
}
