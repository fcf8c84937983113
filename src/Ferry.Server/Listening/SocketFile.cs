using System.Globalization;
using System.IO.Hashing;
using System.Net.Sockets;
using System.Text;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Listening;

/// <summary>
/// A listening socket and its file. Whoever can see the file can connect, a live server's file is never taken, a dead one's is, and at the
/// end the file is removed only if it is still this server's.
/// </summary>
/// <remarks>
/// Order: lock <c>NAME.lock</c>; connect, to see whether somebody serves here without the lock; bind under a temporary name;
/// group and mode; listen; rename. The lock is held for life and its file never removed, because a lock on a removed file locks nobody out.
/// </remarks>
internal sealed class SocketFile : IDisposable
{
    private const int Backlog = 4096;
    private const uint LockMode = 0x180; // 0600

    private readonly SafeFileHandle directory;
    private readonly SafeFileHandle lockFile;
    private readonly byte[] name;
    private readonly FileStatus ours;

    private SocketFile(SafeFileHandle directory, SafeFileHandle lockFile, byte[] name, Socket listener, in FileStatus ours)
    {
        this.directory = directory;
        this.lockFile = lockFile;
        this.name = name;
        this.ours = ours;
        Listener = listener;
    }

    /// <summary>The socket that accepts connections.</summary>
    public Socket Listener { get; }

    /// <summary>Listens at a path of any length.</summary>
    /// <param name="path">Where the file goes.</param>
    /// <param name="policy">Its mode and group.</param>
    /// <exception cref="FerryException">Somebody serves there already, or the file cannot be made.</exception>
    public static SocketFile Listen(FerryPath path, AccessPolicy policy)
    {
        (FerryPath parent, byte[] name) = Split(path);
        SafeFileHandle? directory = null, lockFile = null;
        try
        {
            directory = OpenDirectory(path, parent);
            lockFile = Lock(directory, path, name);
            CheckNobodyListens(directory, path, name);
            return Bind(directory, lockFile, path, name, policy);
        }
        catch
        {
            lockFile?.Dispose();
            directory?.Dispose();
            throw;
        }
    }

    /// <summary>Removes the file, if it is still ours: nobody can connect from then on.</summary>
    public void Remove()
    {
        if (FileCalls.GetStatus(directory, name, out FileStatus now) == 0 && now.Inode == ours.Inode && now.Device == ours.Device)
        {
            // Nothing depends on its success: what stays behind is a stale socket, which the next server replaces.
            _ = FileCalls.RemoveFile(directory, name);
        }
    }

    /// <summary>Gives up the socket and, last, the lock.</summary>
    public void Dispose()
    {
        Listener.Dispose();
        FileCalls.Unlock(lockFile);
        directory.Dispose();
    }

    private static (FerryPath Parent, byte[] Name) Split(FerryPath path)
    {
        ReadOnlySpan<byte> bytes = path.Bytes;
        int slash = bytes.LastIndexOf((byte)'/');
        byte[] name = bytes[(slash + 1)..].ToArray();
        if (name.Length == 0 || name.AsSpan().SequenceEqual("."u8) || name.AsSpan().SequenceEqual(".."u8))
        {
            throw new FerryException(FerryErrorCode.Usage, $"{path} names a directory; give the path of the socket file to make");
        }
        return (slash < 0 ? "." : FerryPath.FromBytes(bytes[..(slash + 1)]), name);
    }

    private static SafeFileHandle OpenDirectory(FerryPath path, FerryPath parent)
    {
        int error = FileCalls.Open(FileCalls.WorkingDirectory, parent.Bytes, OpenFlags.Path | OpenFlags.Directory, 0, out SafeFileHandle directory);
        return error == 0 ? directory : throw Failed(path, $"its directory {parent} cannot be opened: {Errno.Describe(error)}; choose an address in a directory that exists");
    }

    private static SafeFileHandle Lock(SafeFileHandle directory, FerryPath path, byte[] name)
    {
        byte[] lockName = [.. name, .. ".lock"u8];
        int error = FileCalls.Open(
            directory, lockName, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.NoFollow | OpenFlags.NonBlocking, LockMode, out SafeFileHandle file);
        if (error != 0)
        {
            throw Failed(path, $"its lock file {FerryPath.FromBytes(lockName)} cannot be opened: {Errno.Describe(error)}; choose an address in a directory of your own");
        }
        error = FileCalls.TryLock(file);
        if (error != 0)
        {
            string why = error == Errno.EAGAIN
                ? $"another server holds it ({ReadHolder(file)}); stop that one or choose another address"
                : $"its lock file cannot be locked: {Errno.Describe(error)}; choose an address on a local file system";
            file.Dispose();
            throw Failed(path, why);
        }
        WriteHolder(file);
        return file;
    }

    private static string ReadHolder(SafeFileHandle file)
    {
        Span<byte> text = stackalloc byte[16];
        return FileCalls.Read(file, text, 0, out int length) == 0
            && int.TryParse(text[..length].TrimEnd((byte)'\n'), NumberStyles.None, CultureInfo.InvariantCulture, out int process)
            ? $"pid {process}"
            : "it has not written its pid yet";
    }

    /// <summary>The pid is there for people; the lock itself is what counts.</summary>
    private static void WriteHolder(SafeFileHandle file)
    {
        if (FileCalls.Truncate(file, 0) == 0)
        {
            _ = FileCalls.WriteAll(file, Encoding.ASCII.GetBytes($"{Environment.ProcessId}\n"), 0);
        }
    }

    /// <summary>Finds a server that does not know the lock, such as another program, and anything that is no socket.</summary>
    private static void CheckNobodyListens(SafeFileHandle directory, FerryPath path, byte[] name)
    {
        int error = FileCalls.Open(directory, name, OpenFlags.Path | OpenFlags.NoFollow, 0, out SafeFileHandle file);
        using (file)
        {
            if (error == Errno.ENOENT)
            {
                return;
            }
            if (error != 0 || (error = FileCalls.GetStatus(file, out FileStatus status)) != 0)
            {
                throw Failed(path, $"what is there cannot be looked at: {Errno.Describe(error)}; choose another address");
            }
            if (!status.IsSocket)
            {
                throw Failed(path, $"{status.Kind} is there; move it away or choose another address");
            }
            using var probe = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { Blocking = false };
            try
            {
                probe.Connect(new UnixDomainSocketEndPoint($"/proc/self/fd/{file.DangerousGetHandle()}"));
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionRefused)
            {
                return;
            }
            catch (SocketException e) when (e.SocketErrorCode == SocketError.WouldBlock)
            {
                throw Failed(path, "somebody listens there already and has no room for more connections; stop that one or choose another address");
            }
            catch (SocketException e)
            {
                throw Failed(path, $"a socket is there that cannot be tried: {e.Message}; remove it or choose another address");
            }
            throw Failed(path, $"somebody listens there already (pid {PeerIdentity.Of(probe).Process}); stop that one or choose another address");
        }
    }

    private static SocketFile Bind(SafeFileHandle directory, SafeFileHandle lockFile, FerryPath path, byte[] name, AccessPolicy policy)
    {
        // Short enough for a socket's address, and one for each name: the lock leaves nobody else who uses it, and what a dead server left is removed.
        string temporary = $".ferry-{XxHash3.HashToUInt64(name):x16}";
        byte[] temporaryName = Encoding.ASCII.GetBytes(temporary);
        _ = FileCalls.RemoveFile(directory, temporaryName);
        int error = SocketCalls.Bind($"/proc/self/fd/{directory.DangerousGetHandle()}/{temporary}", out SafeSocketHandle handle);
        try
        {
            Check(path, error, "be made");
            if (policy.SocketGroup is { } group)
            {
                Check(path, SocketCalls.SetGroup(directory, temporaryName, group), $"be given to the group {group}");
            }
            Check(path, SocketCalls.SetMode(directory, temporaryName, (uint)policy.Mode), "get its mode");
            Check(path, FileCalls.GetStatus(directory, temporaryName, out FileStatus ours), "be looked at");
            Check(path, SocketCalls.Listen(handle, Backlog), "listen");
            var listener = new Socket(handle);
            Check(path, FileCalls.Rename(directory, temporaryName, directory, name), "be renamed");
            return new SocketFile(directory, lockFile, name, listener, ours);
        }
        catch
        {
            handle.Dispose();
            _ = FileCalls.RemoveFile(directory, temporaryName); // it may never have been made
            throw;
        }
    }

    private static void Check(FerryPath path, int error, string what)
    {
        if (error != 0)
        {
            throw Failed(path, $"the socket cannot {what}: {Errno.Describe(error)}; choose an address in a directory of your own, or another group or mode");
        }
    }

    private static FerryException Failed(FerryPath path, string why) => new(FerryErrorCode.Usage, $"cannot serve at {path}: {why}");
}
