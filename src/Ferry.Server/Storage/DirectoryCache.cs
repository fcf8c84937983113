using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>
/// The directories that a delivery used last, held open, so that files beside each other need no path resolved. Only a
/// few: a hundred deliveries at once must do with the usual limit of 1,024 descriptors.
/// </summary>
internal sealed class DirectoryCache : IDisposable
{
    private const int MostOpen = 4;
    private const uint EverybodyBeforeUmask = 0x1FF; // 0777

    private readonly ConfinedDirectory root;
    private readonly WaitingTrees trees;

    /// <summary>How many directories had been replaced when those that are open were looked up.</summary>
    private long replaced;

    /// <summary>The one used last stands at the end.</summary>
    private readonly List<ConfinedDirectory> open = new(MostOpen);

    /// <param name="root">The served directory.</param>
    /// <param name="trees">Directories that replace others, which then lead to nothing that stays.</param>
    public DirectoryCache(ConfinedDirectory root, WaitingTrees trees)
    {
        this.root = root;
        this.trees = trees;
    }

    /// <summary>Gives a directory, and makes it and those above it when they are missing.</summary>
    /// <param name="path">Below the root; empty for the root itself.</param>
    /// <returns>The directory, which stays open until the next call; the caller does not dispose it.</returns>
    public ConfinedDirectory OpenOrMake(ReadOnlySpan<byte> path)
    {
        if (TryFind(path, out ConfinedDirectory? found))
        {
            return found;
        }
        return Keep(root.TryOpenDirectory(path, out ConfinedDirectory? directory) ? directory : Make(path));
    }

    /// <summary>Gives a directory that exists, as <see cref="OpenOrMake"/> does.</summary>
    public ConfinedDirectory Open(ReadOnlySpan<byte> path) =>
        TryFind(path, out ConfinedDirectory? found) ? found : Keep(root.OpenDirectory(path));

    /// <summary>Does something in the directory of a name; once more, from the root, when that directory was removed meanwhile.</summary>
    public T InDirectoryOf<T>(StoredName name, Func<ConfinedDirectory, T> action)
    {
        ConfinedDirectory directory = OpenOrMake(name.Directory);
        try
        {
            return action(directory);
        }
        catch (FerryException) when (directory != root && directory.IsRemoved)
        {
            open.Remove(directory);
            directory.Dispose();
        }
        return action(OpenOrMake(name.Directory));
    }

    public void Dispose()
    {
        foreach (ConfinedDirectory directory in open)
        {
            directory.Dispose();
        }
        open.Clear();
    }

    private bool TryFind(ReadOnlySpan<byte> path, [System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out ConfinedDirectory? found)
    {
        if (path.IsEmpty)
        {
            found = root;
            return true;
        }
        if (trees.Replaced != replaced)
        {
            replaced = trees.Replaced;
            Dispose();
        }
        for (int at = open.Count - 1; at >= 0; at--)
        {
            if (path.SequenceEqual(open[at].Path.Bytes))
            {
                found = open[at];
                open.RemoveAt(at);
                open.Add(found);
                return true;
            }
        }
        found = null;
        return false;
    }

    private ConfinedDirectory Keep(ConfinedDirectory directory)
    {
        if (open.Count == MostOpen)
        {
            open[0].Dispose();
            open.RemoveAt(0);
        }
        open.Add(directory);
        return directory;
    }

    /// <summary>Walks down from the root and makes what is missing on the way.</summary>
    private ConfinedDirectory Make(ReadOnlySpan<byte> path)
    {
        ConfinedDirectory current = root;
        foreach (Range range in path.Split((byte)'/'))
        {
            ConfinedDirectory above = current;
            try
            {
                current = OpenOrMakeChild(above, path[range]);
            }
            finally
            {
                if (above != root)
                {
                    above.Dispose();
                }
            }
        }
        return current;
    }

    private static ConfinedDirectory OpenOrMakeChild(ConfinedDirectory parent, ReadOnlySpan<byte> name)
    {
        if (parent.TryOpenDirectory(name, out ConfinedDirectory? child))
        {
            return child;
        }
        // Somebody else may make it at the same moment: that is as good.
        parent.TryMakeDirectory(name, EverybodyBeforeUmask);
        return parent.OpenDirectory(name);
    }
}
