using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>Removes and flushes whole trees in the server's own directory. What is in them may be a receiver's: no link is followed, no mount entered.</summary>
internal static class WholeTree
{
    /// <summary>Removes whatever has a name, with all that is in it.</summary>
    /// <exception cref="FerryException">Something in it cannot be removed; what was removed until then is gone.</exception>
    public static void Remove(ConfinedDirectory parent, ReadOnlySpan<byte> name)
    {
        if (!parent.TryGetStatus(name, out FileStatus status))
        {
            return;
        }
        if (!status.IsDirectory)
        {
            parent.RemoveFile(name);
            return;
        }
        using (ConfinedDirectory directory = parent.OpenDirectory(name))
        {
            if ((status.Permissions & MadeDirectories.OwnerMayAll) != MadeDirectories.OwnerMayAll)
            {
                directory.SetMode(MadeDirectories.OwnerMayAll);
            }
            foreach (FerryPath entry in directory.ReadNames())
            {
                Remove(directory, entry.Bytes);
            }
        }
        parent.RemoveDirectory(name);
    }

    /// <summary>Flushes every file and directory, one by one: for file systems that cannot be flushed as a whole.</summary>
    /// <exception cref="FerryException">A flush failed.</exception>
    public static void Flush(ConfinedDirectory directory)
    {
        foreach (FerryPath name in directory.ReadNames())
        {
            if (directory.TryGetStatus(name.Bytes, out FileStatus status) && status.IsDirectory)
            {
                using ConfinedDirectory below = directory.OpenDirectory(name.Bytes);
                Flush(below);
            }
            else
            {
                directory.FlushFile(name.Bytes);
            }
        }
        directory.Flush();
    }
}
