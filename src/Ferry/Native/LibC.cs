using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <summary>The C library's functions on files, under their own names. Only <see cref="FileCalls"/> calls them.</summary>
internal static partial class LibC
{
    public const int NoFollow = 0x100, RemoveDirectory = 0x200, EffectiveIds = 0x200, NoAutomount = 0x800, EmptyPath = 0x1000;
    public const uint StatusAndBirth = 0xFFF, NoReplace = 1, Exchange = 2, StartWriteBack = 2, Unchanged = uint.MaxValue;
    public const int KeepSize = 1, ExclusiveLock = 2, DoNotWait = 4, Unlock = 8, MayPass = 1, MayWrite = 2, SeekSet = 0;

    // Not every C library that .NET runs on has these two as functions.
    public const long OpenAt2Number = 437;
    public static readonly long GetDents64Number = RuntimeInformation.ProcessArchitecture == Architecture.Arm64 ? 61 : 217;

    private const string Library = "libc";

    [LibraryImport(Library, SetLastError = true)]
    public static partial int openat(SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, int flags, uint mode);

    [LibraryImport(Library, SetLastError = true, EntryPoint = "syscall")]
    public static partial nint openat2(
        long number, SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, in OpenHow how, nint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int statx(
        SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, int flags, uint mask, out FileStatus status);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint lseek(SafeFileHandle file, nint offset, int origin);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint readlinkat(
        SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, Span<byte> buffer, nint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fstatfs(SafeFileHandle file, out FileSystemStatus status);

    [LibraryImport(Library, SetLastError = true, EntryPoint = "syscall")]
    public static partial nint getdents64(long number, SafeFileHandle directory, Span<byte> buffer, nint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint read(SafeFileHandle file, Span<byte> buffer, nint size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint pread(SafeFileHandle file, Span<byte> buffer, nint size, long offset);

    [LibraryImport(Library, SetLastError = true)]
    public static partial nint pwrite(SafeFileHandle file, ReadOnlySpan<byte> content, nint size, long offset);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fallocate(SafeFileHandle file, int mode, long offset, long size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int ftruncate(SafeFileHandle file, long size);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fsync(SafeFileHandle file);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int syncfs(SafeFileHandle file);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int sync_file_range(SafeFileHandle file, long offset, long length, uint flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fchmod(SafeFileHandle file, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fchmodat(SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, uint mode, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int fchown(SafeFileHandle file, uint user, uint group);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int futimens(SafeFileHandle file, ReadOnlySpan<TimeSpecification> accessedAndModified);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int mkdirat(SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, uint mode);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int unlinkat(SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int renameat2(
        SafeFileHandle fromDirectory,
        [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> from,
        SafeFileHandle toDirectory,
        [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> to,
        uint flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int linkat(
        SafeFileHandle fromDirectory,
        [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> from,
        SafeFileHandle toDirectory,
        [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> to,
        int flags);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int flock(SafeFileHandle file, int operation);

    [LibraryImport(Library, SetLastError = true)]
    public static partial int faccessat(
        SafeFileHandle directory, [MarshalUsing(typeof(PathMarshaller))] ReadOnlySpan<byte> path, int mode, int flags);

    [LibraryImport(Library)]
    public static partial uint geteuid();
}

/// <summary>struct timespec of 64-bit Linux.</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly record struct TimeSpecification(long Seconds, long Nanoseconds)
{
    /// <summary>In place of nanoseconds: leave this time as it is.</summary>
    public const long Omit = 0x3FFFFFFE;
}
