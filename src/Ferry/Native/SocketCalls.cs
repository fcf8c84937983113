using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <summary>The system calls on sockets that .NET's <see cref="Socket"/> does not offer. Each gives 0 or the errno.</summary>
internal static partial class SocketCalls
{
    private const int UnixFamily = 1, StreamType = 1, CloseOnExec = 0x80000;
    private const int DoNotWait = 0x40, NoSignal = 0x4000;
    private const short PeerSendsNoMore = 0x2000, Failed = 0x08, HungUp = 0x10;
    private const string Library = "libc";

    /// <summary>Longest path of a socket address, without the NUL behind it.</summary>
    private const int LongestPath = 107;

    /// <summary>
    /// Makes a listening-to-be socket bound to a path. Unlike a <see cref="Socket"/> that binds, it never removes the file that
    /// lies there later.
    /// </summary>
    public static int Bind(string path, out SafeSocketHandle handle)
    {
        nint descriptor = socket(UnixFamily, StreamType | CloseOnExec, 0);
        handle = new SafeSocketHandle(descriptor, ownsHandle: true);
        if (descriptor < 0)
        {
            return Marshal.GetLastPInvokeError();
        }
        var address = new UnixAddress { Family = UnixFamily };
        Span<byte> bytes = address.Path;
        if (path.Length > LongestPath)
        {
            return Errno.ENAMETOOLONG;
        }
        System.Text.Encoding.ASCII.GetBytes(path, bytes);
        return bind(handle, address, Marshal.SizeOf<UnixAddress>()) == 0 ? 0 : Marshal.GetLastPInvokeError();
    }

    public static int Listen(SafeSocketHandle socket, int backlog) => listen(socket, backlog) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Sends only what the socket takes at once: EAGAIN when it would block. A short message is taken whole or not at all.</summary>
    public static int SendNow(SafeSocketHandle socket, ReadOnlySpan<byte> message)
    {
        while (true)
        {
            if (send(socket, message, message.Length, DoNotWait | NoSignal) >= 0)
            {
                return 0;
            }
            int error = Marshal.GetLastPInvokeError();
            if (error != Errno.EINTR)
            {
                return error;
            }
        }
    }

    /// <summary>What the peer has closed so far.</summary>
    public static HangUp GetHangUp(SafeSocketHandle socket)
    {
        bool counted = false;
        try
        {
            socket.DangerousAddRef(ref counted);
            var poll = new PollDescriptor { Descriptor = (int)socket.DangerousGetHandle(), Wanted = PeerSendsNoMore };
            return SocketCalls.poll(ref poll, 1, 0) <= 0 ? HangUp.None
                : (poll.Met & (Failed | HungUp)) != 0 ? HangUp.Both
                : (poll.Met & PeerSendsNoMore) != 0 ? HangUp.Sending : HangUp.None;
        }
        finally
        {
            if (counted)
            {
                socket.DangerousRelease();
            }
        }
    }

    /// <summary>Sets the mode of a name in a directory.</summary>
    public static int SetMode(SafeFileHandle directory, ReadOnlySpan<byte> name, uint mode) =>
        fchmodat(directory, name, mode, 0) == 0 ? 0 : Marshal.GetLastPInvokeError();

    /// <summary>Gives a name in a directory to a group.</summary>
    public static int SetGroup(SafeFileHandle directory, ReadOnlySpan<byte> name, uint group) =>
        fchownat(directory, name, LibC.Unchanged, group, LibC.NoFollow) == 0 ? 0 : Marshal.GetLastPInvokeError();

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint socket(int family, int type, int protocol);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int bind(SafeSocketHandle socket, in UnixAddress address, int length);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int listen(SafeSocketHandle socket, int backlog);

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint send(SafeSocketHandle socket, ReadOnlySpan<byte> message, nint length, int flags);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int poll(ref PollDescriptor descriptors, nuint count, int milliseconds);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int fchmodat(SafeFileHandle directory, [System.Runtime.InteropServices.Marshalling.MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> name, uint mode, int flags);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int fchownat(SafeFileHandle directory, [System.Runtime.InteropServices.Marshalling.MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> name, uint user, uint group, int flags);

    [StructLayout(LayoutKind.Sequential)]
    private struct PollDescriptor
    {
        public int Descriptor;
        public short Wanted;
        public short Met;
    }

    [System.Runtime.CompilerServices.InlineArray(LongestPath + 1)]
    private struct PathBytes
    {
        private byte first;
    }

    [StructLayout(LayoutKind.Sequential)]
    private struct UnixAddress
    {
        public ushort Family;
        public PathBytes Path;
    }
}

/// <summary>What the peer of a connection has closed.</summary>
internal enum HangUp
{
    /// <summary>Nothing.</summary>
    None,
    /// <summary>Its sending side.</summary>
    Sending,
    /// <summary>All of it.</summary>
    Both,
}
