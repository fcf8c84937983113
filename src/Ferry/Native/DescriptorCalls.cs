using System.Buffers.Binary;
using System.Net.Sockets;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <summary>The system calls that pass open files between processes, and that use one that was passed. Each gives 0 or the errno.</summary>
internal static unsafe partial class DescriptorCalls
{
    /// <summary>Most descriptors in one message; the kernel's own limit is 253.</summary>
    public const int MostPerMessage = 64;

    private const int SocketLevel = 1, Rights = 1;
    private const int DoNotWait = 0x40, NoSignal = 0x4000, CloseOnExec = 0x40000000, ControlTruncated = 0x08;
    private const int GetFlagsCommand = 3, GetDescriptorFlagsCommand = 1, CloseOnExecFlag = 1, AccessMask = 3, WriteOnly = 1;
    private const uint MemoryCloseOnExec = 1;
    private const nuint CloneRequest = 0x40049409;
    private const int HeaderSize = 16;
    private const string Library = "libc";

    /// <summary>Sends bytes with descriptors attached to their first one, without waiting: EAGAIN when there is no room.</summary>
    public static int Send(SafeSocketHandle socket, ReadOnlySpan<byte> bytes, ReadOnlySpan<SafeFileHandle> descriptors, out int sent)
    {
        // length:8 level:4 type:4 descriptors:4 each
        Span<byte> control = stackalloc byte[SpaceFor(MostPerMessage)];
        control.Clear();
        BinaryPrimitives.WriteInt64LittleEndian(control, HeaderSize + descriptors.Length * sizeof(int));
        BinaryPrimitives.WriteInt32LittleEndian(control[8..], SocketLevel);
        BinaryPrimitives.WriteInt32LittleEndian(control[12..], Rights);
        for (int i = 0; i < descriptors.Length; i++)
        {
            BinaryPrimitives.WriteInt32LittleEndian(control[(HeaderSize + i * sizeof(int))..], (int)descriptors[i].DangerousGetHandle());
        }
        fixed (byte* first = bytes, controlBytes = control)
        {
            var vector = new Vector { Bytes = first, Length = (nuint)bytes.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = controlBytes, ControlLength = (nuint)SpaceFor(descriptors.Length) };
            return Result(sendmsg(socket, &message, DoNotWait | NoSignal), out sent);
        }
    }

    /// <summary>Receives bytes and the descriptors that come with them, without waiting: EAGAIN when nothing is there.</summary>
    /// <param name="socket">The socket.</param>
    /// <param name="buffer">Where bytes go.</param>
    /// <param name="descriptors">Where descriptors go; owned by the caller.</param>
    /// <param name="received">Bytes received; 0 at the end.</param>
    /// <param name="truncated">True when more descriptors came than this process could take.</param>
    public static int Receive(SafeSocketHandle socket, Span<byte> buffer, List<SafeFileHandle> descriptors, out int received, out bool truncated)
    {
        Span<byte> control = stackalloc byte[SpaceFor(MostPerMessage)];
        fixed (byte* first = buffer, controlBytes = control)
        {
            var vector = new Vector { Bytes = first, Length = (nuint)buffer.Length };
            var message = new Message { Vectors = &vector, VectorCount = 1, Control = controlBytes, ControlLength = (nuint)control.Length };
            int error = Result(recvmsg(socket, &message, DoNotWait | CloseOnExec), out received);
            truncated = error == 0 && (message.Flags & ControlTruncated) != 0;
            if (error == 0)
            {
                TakeDescriptors(control[..(int)message.ControlLength], descriptors);
            }
            return error;
        }
    }

    /// <summary>Makes a nameless file in memory with the given content.</summary>
    public static int MakeMemoryFile(ReadOnlySpan<byte> content, out SafeFileHandle file)
    {
        nint descriptor = memfd_create("ferry-proof", MemoryCloseOnExec);
        file = new SafeFileHandle(descriptor, ownsHandle: true);
        return descriptor < 0 ? Marshal.GetLastPInvokeError() : FileCalls.WriteAll(file, content, 0);
    }

    /// <summary>Makes a file share the content of another on the same file system: EOPNOTSUPP, EXDEV or EINVAL where that cannot be done.</summary>
    public static int Clone(SafeFileHandle destination, SafeFileHandle source)
    {
        bool added = false;
        source.DangerousAddRef(ref added);
        try
        {
            int error;
            do
            {
                error = Result(ioctl(destination, CloneRequest, source.DangerousGetHandle()), out _);
            }
            while (error == Errno.EINTR);
            return error;
        }
        finally
        {
            source.DangerousRelease();
        }
    }

    /// <summary>True when the descriptor was opened for reading: not for writing alone, and not as a mere path.</summary>
    public static bool IsReadable(SafeFileHandle file)
    {
        int flags = fcntl(file, GetFlagsCommand, 0);
        return flags >= 0 && (flags & AccessMask) != WriteOnly && (flags & OpenFlags.Path) == 0;
    }

    /// <summary>True when this process has a descriptor of that number.</summary>
    public static bool IsOpen(int descriptor) => TryGetDescriptorFlags(descriptor, out _);

    /// <summary>True when a descriptor is open and was handed to this process by whoever started it: what .NET opens itself is closed on exec.</summary>
    public static bool IsInherited(int descriptor) => TryGetDescriptorFlags(descriptor, out int flags) && (flags & CloseOnExecFlag) == 0;

    private static bool TryGetDescriptorFlags(int descriptor, out int flags)
    {
        using var file = new SafeFileHandle(descriptor, ownsHandle: false);
        flags = fcntl(file, GetDescriptorFlagsCommand, 0);
        return flags >= 0;
    }

    private static int SpaceFor(int descriptors) => HeaderSize + (descriptors * sizeof(int) + 7) / 8 * 8;

    private static void TakeDescriptors(ReadOnlySpan<byte> control, List<SafeFileHandle> descriptors)
    {
        while (control.Length >= HeaderSize)
        {
            int length = (int)BinaryPrimitives.ReadInt64LittleEndian(control);
            if (BinaryPrimitives.ReadInt32LittleEndian(control[8..]) == SocketLevel && BinaryPrimitives.ReadInt32LittleEndian(control[12..]) == Rights)
            {
                for (int at = HeaderSize; at + sizeof(int) <= length; at += sizeof(int))
                {
                    descriptors.Add(new SafeFileHandle(BinaryPrimitives.ReadInt32LittleEndian(control[at..]), ownsHandle: true));
                }
            }
            control = control[Math.Min((length + 7) / 8 * 8, control.Length)..];
        }
    }

    private static int Result(nint result, out int value)
    {
        value = (int)Math.Max(result, 0);
        return result < 0 ? Marshal.GetLastPInvokeError() : 0;
    }

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint sendmsg(SafeSocketHandle socket, Message* message, int flags);

    [LibraryImport(Library, SetLastError = true)]
    private static partial nint recvmsg(SafeSocketHandle socket, Message* message, int flags);

    [LibraryImport(Library, SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int memfd_create(string name, uint flags);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int ioctl(SafeFileHandle file, nuint request, nint argument);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int fcntl(SafeFileHandle file, int command, nint argument);

    /// <summary>struct iovec.</summary>
    private struct Vector
    {
        public byte* Bytes;
        public nuint Length;
    }

    /// <summary>struct msghdr of 64-bit Linux.</summary>
    private struct Message
    {
        public void* Name;
        public uint NameLength;
        public Vector* Vectors;
        public nuint VectorCount;
        public void* Control;
        public nuint ControlLength;
        public int Flags;
    }
}
