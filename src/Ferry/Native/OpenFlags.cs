using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>The flags of open(2). Every call here adds O_CLOEXEC by itself.</summary>
internal static class OpenFlags
{
    public const int ReadOnly = 0, WriteOnly = 1, ReadWrite = 2;
    public const int Create = 0x40, Exclusive = 0x80, NoControllingTerminal = 0x100, Truncate = 0x200, NonBlocking = 0x800;
    public const int CloseOnExec = 0x80000, Path = 0x200000;

    private static readonly bool Arm = RuntimeInformation.ProcessArchitecture == Architecture.Arm64;

    /// <summary>Fails on anything but a directory.</summary>
    public static readonly int Directory = Arm ? 0x4000 : 0x10000;

    /// <summary>Fails when the last component is a symbolic link.</summary>
    public static readonly int NoFollow = Arm ? 0x8000 : 0x20000;
}

/// <summary>How openat2(2) may resolve a path.</summary>
[Flags]
internal enum ResolveFlags : ulong
{
    None = 0,
    NoCrossMounts = 0x01,
    NoMagicLinks = 0x02,
    NoSymbolicLinks = 0x04,
    Beneath = 0x08,
}
