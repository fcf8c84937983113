using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>Opens the directory to serve, and says in words what is wrong with one that cannot be.</summary>
internal static class ServedRoot
{
    private const uint EverybodyBeforeUmask = 0x1FF; // 0777

    public static ConfinedDirectory Open(FerryPath path)
    {
        try
        {
            return Prepare(path);
        }
        catch (FerryException e) when (e.Code != FerryErrorCode.RootGone)
        {
            throw new FerryException(e.Code, $"{e.Message}; serve a directory that you may write into", e);
        }
    }

    private static ConfinedDirectory Prepare(FerryPath path)
    {
        bool made = MakeLastPart(path);
        ConfinedDirectory root = ConfinedDirectory.OpenRoot(path);
        try
        {
            CheckUsable(root, path);
            if (made)
            {
                FlushParent(path);
            }
            return root;
        }
        catch
        {
            root.Dispose();
            throw;
        }
    }

    private static bool MakeLastPart(FerryPath path)
    {
        int error = FileCalls.MakeDirectory(FileCalls.WorkingDirectory, path.Bytes, EverybodyBeforeUmask);
        return error switch
        {
            0 => true,
            Errno.EEXIST => false,
            Errno.ENOENT => throw new FerryException(
                FerryErrorCode.RootGone, $"cannot serve {path}: the directory it would be made in does not exist; make that one first"),
            _ => throw Errno.ToException(error, "make the directory", path),
        };
    }

    private static void CheckUsable(ConfinedDirectory root, FerryPath path)
    {
        if (root.GetFileSystemStatus().IsReadOnly)
        {
            throw new FerryException(FerryErrorCode.ReadOnly, $"cannot serve {path}: its file system is mounted read-only");
        }
        root.CheckWritable();
    }

    /// <summary>A served directory that is new itself must outlive a power cut, or nothing in it would (invariant 2).</summary>
    private static void FlushParent(FerryPath path)
    {
        int error = FileCalls.Open(
            FileCalls.WorkingDirectory, [.. path.Bytes, .. "/.."u8], OpenFlags.ReadOnly | OpenFlags.Directory, 0, out var parent);
        using (parent)
        {
            error = error == 0 ? FileCalls.Flush(parent) : error;
        }
        if (error != 0)
        {
            throw Errno.ToException(error, "flush the directory that holds", path);
        }
    }
}
