using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Listening;

/// <summary>Finds a mode, of the socket or of a directory above it, that keeps out people whom the server would let in.</summary>
internal static class ParentAccess
{
    private const uint MayConnect = 2, MayPass = 1;

    /// <summary>A sentence that names the first such place; null when there is none.</summary>
    public static string? Warning(FerryPath socket, AccessPolicy policy)
    {
        if (FileCalls.Open(FileCalls.WorkingDirectory, socket.Bytes, OpenFlags.Path, 0, out SafeFileHandle file) != 0)
        {
            return null;
        }
        byte[] path;
        using (file)
        {
            if (FileCalls.GetStatus(file, out FileStatus status) == 0 && !policy.IsOpen(status, MayConnect))
            {
                return $"the socket has mode 0{Convert.ToString(status.Permissions, 8)}, which keeps out people whom this server lets in; start it with another --mode";
            }
            if (FileCalls.GetPath(file, out path) != 0)
            {
                return null;
            }
        }
        for (int slash = path.AsSpan().LastIndexOf((byte)'/'); slash >= 0; slash = path.AsSpan(0, slash).LastIndexOf((byte)'/'))
        {
            ReadOnlySpan<byte> directory = slash == 0 ? "/"u8 : path.AsSpan(0, slash);
            if (FileCalls.GetTargetStatus(FileCalls.WorkingDirectory, directory, out FileStatus status) == 0 && !policy.IsOpen(status, MayPass))
            {
                return $"the directory {FerryPath.FromBytes(directory)} has mode 0{Convert.ToString(status.Permissions, 8)}, which keeps out people whom this server lets in; "
                    + "let them pass with chmod o+x, or serve in another directory";
            }
        }
        return null;
    }
}
