using System.Buffers.Binary;
using System.ComponentModel;
using System.Runtime.InteropServices;
using System.Text;
using Ferry.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>
/// A FUSE file system of one file, <c>image</c>, which logs what is written to it and when it is flushed. A file system is mounted on it through
/// a loop device, which has a volatile cache in the kernel's eyes: it turns flushes, and writes that must go past the cache, into fsync of the file.
/// One thread reads a request, does it and answers it before it reads the next, and the kernel keeps nothing of this file in its own
/// cache (FOPEN_DIRECT_IO), so the log has the order that the device saw.
/// </summary>
/// <remarks>
/// <code>
/// request   length:4 operation:4 id:8 node:8 user:4 group:4 process:4 padding:4, then what belongs to the operation
/// answer    length:4 error:4 id:8, then what belongs to the operation
/// </code>
/// </remarks>
internal sealed partial class LoggedImage : IDisposable
{
    private const int Lookup = 1, Forget = 2, GetAttributes = 3, Open = 14, Read = 15, Write = 16, Release = 18, Fsync = 20, Flush = 25, Init = 26, OpenDirectory = 27,
        ReleaseDirectory = 29, Interrupt = 36, BatchForget = 42;

    private const int RequestHeader = 40, AnswerHeader = 16, WriteHeader = 40, Attributes = 88, NotThere = -2, NotSupported = -38;
    private const ulong RootNode = 1, ImageNode = 2, ForLong = 1_000_000;
    private const uint DirectIo = 1, LongPages = 1 << 22, LargestWrite = 1 << 20;
    private const string Name = "image";

    private readonly SafeFileHandle image, device;
    private readonly string directory;
    private readonly Thread server;
    private readonly byte[] request = new byte[LargestWrite + 4096], answer = new byte[LargestWrite + 4096];

    /// <param name="backing">The file that holds the content.</param>
    /// <param name="directory">Where to mount.</param>
    public LoggedImage(string backing, string directory)
    {
        this.directory = Directory.CreateDirectory(directory).FullName;
        image = File.OpenHandle(backing, FileMode.Open, FileAccess.ReadWrite);
        device = File.OpenHandle("/dev/fuse", FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        if (Mount("ferry-log", directory, "fuse", 0, $"fd={device.DangerousGetHandle()},rootmode=40000,user_id=0,group_id=0") != 0)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), $"mount FUSE on {directory}");
        }
        server = new Thread(Serve) { IsBackground = true, Name = "FUSE" };
        server.Start();
    }

    public string Path => System.IO.Path.Combine(directory, Name);

    public WriteLog Log { get; } = new();

    /// <summary>Why it serves no longer.</summary>
    public Exception? Failure { get; private set; }

    public void Dispose()
    {
        Tool.Unmount(directory);
        server.Join();
        device.Dispose();
        image.Dispose();
    }

    private void Serve()
    {
        try
        {
            while (TryRead())
            {
                Answer();
            }
        }
        catch (Exception e)
        {
            Failure = e;
        }
        // Without this descriptor the kernel fails every request, so that nobody waits for an answer.
        device.Dispose();
    }

    /// <returns>False when it has been unmounted.</returns>
    private bool TryRead()
    {
        const int Withdrawn = 2, Interrupted = 4, NoDevice = 19;
        while (ReadDevice(device, request, request.Length) < 0)
        {
            int error = Marshal.GetLastPInvokeError();
            if (error == NoDevice)
            {
                return false;
            }
            // A request may be withdrawn before it is read.
            if (error is not (Interrupted or Withdrawn))
            {
                throw new Win32Exception(error, "read /dev/fuse");
            }
        }
        return true;
    }

    private void Answer()
    {
        uint operation = UInt32(request, 4);
        if (operation is Forget or BatchForget or Interrupt)
        {
            return;
        }
        Span<byte> result = answer.AsSpan(AnswerHeader);
        result[..256].Clear();
        int length = Perform(operation, UInt64(request, 16), request.AsSpan(RequestHeader), result);
        int total = AnswerHeader + Math.Max(length, 0);
        BinaryPrimitives.WriteInt32LittleEndian(answer, total);
        BinaryPrimitives.WriteInt32LittleEndian(answer.AsSpan(4), Math.Min(length, 0));
        request.AsSpan(8, 8).CopyTo(answer.AsSpan(8));
        if (WriteDevice(device, answer, total) < 0 && Marshal.GetLastPInvokeError() != -NotThere)
        {
            throw new Win32Exception(Marshal.GetLastPInvokeError(), "write /dev/fuse");
        }
    }

    /// <returns>Bytes of the result, or the errno below zero.</returns>
    private int Perform(uint operation, ulong node, ReadOnlySpan<byte> input, Span<byte> result)
    {
        switch (operation)
        {
            case Init:
                // version 7.31:8 readahead:4 flags:4 background:4 longest write:4 time:4 pages:2
                Put(result, 0, 7);
                Put(result, 4, 31);
                Put(result, 12, LongPages);
                Put(result, 20, LargestWrite);
                Put(result, 24, 1);
                BinaryPrimitives.WriteUInt16LittleEndian(result[28..], (ushort)(LargestWrite / 4096));
                return 64;
            case Lookup when Encoding.UTF8.GetString(input[..input.IndexOf((byte)0)]) == Name:
                // node:8 generation:8 valid for:16 times:8, attributes
                Put(result, 0, ImageNode);
                Put(result, 16, ForLong);
                Put(result, 24, ForLong);
                PutAttributes(result[40..], ImageNode);
                return 40 + Attributes;
            case Lookup:
                return NotThere;
            case GetAttributes:
                Put(result, 0, ForLong);
                PutAttributes(result[16..], node);
                return 16 + Attributes;
            case Open:
                Put(result, 8, DirectIo);
                return 16;
            case OpenDirectory:
                return 16;
            case Read:
                return RandomAccess.Read(image, result[..(int)UInt32(input, 16)], (long)UInt64(input, 8));
            case Write:
                long offset = (long)UInt64(input, 8);
                byte[] bytes = input.Slice(WriteHeader, (int)UInt32(input, 16)).ToArray();
                RandomAccess.Write(image, bytes, offset);
                Log.Write(offset, bytes);
                Put(result, 0, (uint)bytes.Length);
                return 8;
            case Fsync:
                Log.Flush();
                return 0;
            case Flush or Release or ReleaseDirectory:
                return 0;
            default:
                return NotSupported;
        }
    }

    /// <summary>inode:8 size:8 blocks:8 times:36 mode:4 links:4 user:4 group:4 device:4 block:4 flags:4.</summary>
    private void PutAttributes(Span<byte> to, ulong node)
    {
        const uint OwnDirectory = 0x41C0, OwnFile = 0x8180; // 040700, 0100600
        long size = node == RootNode ? 0 : RandomAccess.GetLength(image);
        Put(to, 0, node);
        Put(to, 8, (ulong)size);
        Put(to, 16, (ulong)size / 512);
        Put(to, 60, node == RootNode ? OwnDirectory : OwnFile);
        Put(to, 64, 1);
        Put(to, 80, 4096);
    }

    private static uint UInt32(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt32LittleEndian(from[at..]);

    private static ulong UInt64(ReadOnlySpan<byte> from, int at) => BinaryPrimitives.ReadUInt64LittleEndian(from[at..]);

    private static void Put(Span<byte> to, int at, uint value) => BinaryPrimitives.WriteUInt32LittleEndian(to[at..], value);

    private static void Put(Span<byte> to, int at, ulong value) => BinaryPrimitives.WriteUInt64LittleEndian(to[at..], value);

    [LibraryImport("libc", EntryPoint = "read", SetLastError = true)]
    private static partial nint ReadDevice(SafeFileHandle device, Span<byte> buffer, nint length);

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint WriteDevice(SafeFileHandle device, ReadOnlySpan<byte> buffer, nint length);

    [LibraryImport("libc", EntryPoint = "mount", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Mount(string source, string target, string type, nuint flags, string data);
}
