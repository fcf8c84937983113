using Ferry.Native;

namespace Ferry.Server.Storage.Journal;

/// <summary>Where a file waits before it has its name: enough to tell later whether it still waits there.</summary>
/// <param name="Directory">The directory of the server's own that it is in, from the root.</param>
/// <param name="File">Its name in there.</param>
/// <param name="Inode">An inode number is used again, but not with the same birth. 0 where it need not be known again under another name.</param>
/// <param name="Born">When it was made; zero where the file system does not say.</param>
internal readonly record struct StagedIdentity(FerryPath Directory, FerryPath File, ulong Inode, TimeStamp Born)
{
    /// <summary>True when it can be told from others, whatever its name.</summary>
    public bool IsKnown => Inode != 0;

    /// <summary>True for a directory that is published as a whole; those wait in one place.</summary>
    public bool IsTree => Directory == WaitingTrees.Path;
}
