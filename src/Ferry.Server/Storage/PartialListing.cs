using Ferry.Files;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>A part of a file in a served directory, as somebody outside the server sees it.</summary>
/// <param name="Record">Whose it is and what it is a part of.</param>
/// <param name="Length">Bytes that are there.</param>
/// <param name="LastWrite">When it was written to last.</param>
/// <param name="IsArriving">True while a server writes it.</param>
internal sealed record PartialListing(PartialRecord Record, long Length, DateTimeOffset LastWrite, bool IsArriving)
{
    /// <summary>Lists what is in the directory's <c>.ferry/partials</c>, whether a server serves it or not.</summary>
    /// <param name="root">The served directory.</param>
    /// <exception cref="FerryException">It cannot be read.</exception>
    public static List<PartialListing> Read(FerryPath root)
    {
        List<PartialListing> found = [];
        ForEach(root, (listing, _) => found.Add(listing));
        return found;
    }

    /// <summary>Removes what waits, but for what is arriving.</summary>
    /// <param name="root">The served directory.</param>
    /// <param name="isWanted">Which.</param>
    /// <returns>What was removed.</returns>
    public static List<PartialListing> Remove(FerryPath root, Predicate<PartialListing> isWanted)
    {
        List<PartialListing> removed = [];
        ForEach(root, (listing, remove) =>
        {
            if (isWanted(listing) && !listing.IsArriving)
            {
                remove();
                removed.Add(listing);
            }
        });
        return removed;
    }

    private static void ForEach(FerryPath root, Action<PartialListing, Action> each)
    {
        using ConfinedDirectory served = ConfinedDirectory.OpenRoot(root);
        if (!served.TryOpenDirectory([.. StoredName.Reserved, (byte)'/', .. StagingArea.PartialsName], out ConfinedDirectory? all))
        {
            return;
        }
        using (all)
        {
            foreach (FerryPath name in all.ReadNames())
            {
                if (PartialFolder.UserIn(name.Bytes) is { } user && all.TryOpenDirectory(name.Bytes, out ConfinedDirectory? directory))
                {
                    using var folder = new PartialFolder(directory, user);
                    ForEach(folder, each);
                }
            }
        }
    }

    private static void ForEach(PartialFolder folder, Action<PartialListing, Action> each)
    {
        foreach (FerryPath name in folder.Directory.ReadNames().Where(name => !PartialFolder.IsRecord(name.Bytes)))
        {
            if (PartialFolder.NumberIn(name.Bytes) is not { } number)
            {
                continue;
            }
            byte[] id = StagingArea.NumberText(number);
            if (folder.TryReadRecord(id) is not { } record || !folder.Directory.TryGetStatus(id, out FileStatus status))
            {
                continue;
            }
            // The lock is held until this is dealt with, so that no server begins to write it meanwhile.
            using SafeFileHandle? file = folder.TryOpen(id, out _);
            each(new PartialListing(record, status.Size, new ParkedState(status, null).LastWrite, file is null), () => folder.Remove(id));
        }
    }
}
