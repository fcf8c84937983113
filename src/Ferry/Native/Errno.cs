using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>The one place where an errno becomes an error code and a sentence.</summary>
internal static class Errno
{
    public const int EPERM = 1, ENOENT = 2, ESRCH = 3, EINTR = 4, EIO = 5, ENXIO = 6, EBADF = 9, EAGAIN = 11, ENOMEM = 12, EACCES = 13, EBUSY = 16,
        EEXIST = 17, EXDEV = 18, ENOTDIR = 20, EISDIR = 21, EINVAL = 22, ENFILE = 23, EMFILE = 24, ENOTTY = 25, ETXTBSY = 26, EFBIG = 27, ENOSPC = 28, ESPIPE = 29,
        EROFS = 30, EMLINK = 31, EPIPE = 32, ERANGE = 34, ENAMETOOLONG = 36, ENOSYS = 38, ENOTEMPTY = 39, ELOOP = 40, ENOTSOCK = 88, EOPNOTSUPP = 95,
        EADDRINUSE = 98, ECONNRESET = 104, ECONNREFUSED = 111, ETOOMANYREFS = 109, ESTALE = 116, EDQUOT = 122;

    public static FerryErrorCode ToCode(int errno) => errno switch
    {
        ENOSPC => FerryErrorCode.NoSpace,
        EDQUOT => FerryErrorCode.Quota,
        EFBIG => FerryErrorCode.FileSizeLimit,
        EROFS => FerryErrorCode.ReadOnly,
        EACCES or EPERM => FerryErrorCode.PermissionDenied,
        EMFILE or ENFILE => FerryErrorCode.TooManyOpenFiles,
        EISDIR => FerryErrorCode.IsDirectory,
        ENOTDIR => FerryErrorCode.NotDirectory,
        EEXIST or ENOTEMPTY => FerryErrorCode.Exists,
        ENAMETOOLONG => FerryErrorCode.NameTooLong,
        ELOOP => FerryErrorCode.SymbolicLink,
        EXDEV => FerryErrorCode.CrossesMount,
        _ => FerryErrorCode.StorageError,
    };

    /// <summary>Says what failed, on which name and why: <c>cannot write a/b: No space left on device</c>.</summary>
    /// <param name="errno">The error of the failed call.</param>
    /// <param name="action">What was tried, as an infinitive: <c>write</c>.</param>
    /// <param name="name">On which name.</param>
    public static FerryException ToException(int errno, string action, FerryPath name) =>
        new(ToCode(errno), $"cannot {action} {name}: {Describe(errno)}");

    /// <summary>The C library's sentence for an errno.</summary>
    public static string Describe(int errno) => Marshal.GetPInvokeErrorMessage(errno);
}
