using System.Buffers.Text;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>What a path that the user named turned out to be.</summary>
internal enum SourceKind
{
    /// <summary>A regular file.</summary>
    File,
    /// <summary>A directory.</summary>
    Directory,
    /// <summary>A FIFO, a character device or a descriptor of this process (/dev/fd/N): read once, to its end.</summary>
    Stream,
    /// <summary>A socket.</summary>
    Socket,
    /// <summary>Not there, not reachable, or a kind that is not sent.</summary>
    Unreadable,
}

/// <summary>A path that the user named: a symbolic link is followed here, and only here.</summary>
/// <param name="Path">As it was given, without slashes at the end.</param>
/// <param name="Kind">What it is.</param>
/// <param name="Name">The name it arrives under; empty for the root directory, which has none.</param>
/// <param name="Reason">Why it is unreadable; else null.</param>
internal sealed record SourcePath(FerryPath Path, SourceKind Kind, FerryPath Name, string? Reason)
{
    private static readonly byte[][] DescriptorFolders = ["/dev/fd/"u8.ToArray(), "/proc/self/fd/"u8.ToArray()];

    /// <summary>The number of the descriptor of this process that a path stands for; null when it stands for none.</summary>
    public static int? DescriptorNumber(FerryPath path)
    {
        foreach (byte[] folder in DescriptorFolders)
        {
            if (path.Bytes.StartsWith(folder) && Utf8Parser.TryParse(path.Bytes[folder.Length..], out int number, out int length) && folder.Length + length == path.Bytes.Length)
            {
                return number;
            }
        }
        return path.Bytes.SequenceEqual("/dev/stdin"u8) ? 0 : null;
    }

    /// <summary>Looks at a path without opening what it names.</summary>
    public static SourcePath Classify(FerryPath given)
    {
        FerryPath path = WithoutTrailingSlashes(given);
        if (path.IsEmpty || path.Bytes.Contains((byte)0))
        {
            return new SourcePath(path, SourceKind.Unreadable, default, path.IsEmpty ? "the path is empty" : "the path holds a NUL");
        }
        int error = FileCalls.GetTargetStatus(FileCalls.WorkingDirectory, path.Bytes, out FileStatus status);
        FerryPath name = NameOf(path);
        return error != 0
            ? new SourcePath(path, SourceKind.Unreadable, name, $"cannot read {path}: {Errno.Describe(error)}")
            : KindOf(path, status) switch
            {
                SourceKind.Unreadable => new SourcePath(path, SourceKind.Unreadable, name, $"{path} is {status.Kind}, which is not sent"),
                SourceKind kind => new SourcePath(path, kind, name, null),
            };
    }

    private static SourceKind KindOf(FerryPath path, in FileStatus status)
    {
        if (status.IsDirectory)
        {
            return SourceKind.Directory;
        }
        if (status.IsSocket)
        {
            return SourceKind.Socket;
        }
        if (status.IsFifo || status.IsCharacterDevice || DescriptorNumber(path) is not null)
        {
            return SourceKind.Stream;
        }
        return status.IsRegularFile ? SourceKind.File : SourceKind.Unreadable;
    }

    /// <summary>They change nothing. Of the root directory one stays.</summary>
    private static FerryPath WithoutTrailingSlashes(FerryPath path)
    {
        ReadOnlySpan<byte> trimmed = path.Bytes.TrimEnd((byte)'/');
        return trimmed.Length == path.Bytes.Length ? path : FerryPath.FromBytes(trimmed.IsEmpty ? "/"u8 : trimmed);
    }

    /// <summary>The last component; for <c>.</c> and <c>..</c> the directory's real name.</summary>
    private static FerryPath NameOf(FerryPath path)
    {
        ReadOnlySpan<byte> last = path.Bytes[(path.Bytes.LastIndexOf((byte)'/') + 1)..];
        if (!last.SequenceEqual("."u8) && !last.SequenceEqual(".."u8))
        {
            return FerryPath.FromBytes(last);
        }
        int error = FileCalls.Open(FileCalls.WorkingDirectory, path.Bytes, OpenFlags.Path, 0, out SafeFileHandle handle);
        using (handle)
        {
            if (error != 0 || FileCalls.GetPath(handle, out byte[] real) != 0)
            {
                return default;
            }
            return FerryPath.FromBytes(real.AsSpan(real.AsSpan().LastIndexOf((byte)'/') + 1));
        }
    }
}
