using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>The argument of openat2(2).</summary>
[StructLayout(LayoutKind.Sequential)]
internal readonly struct OpenHow
{
    public const int Size = 3 * sizeof(ulong);

    public readonly ulong Flags;
    public readonly ulong Mode;
    public readonly ResolveFlags Resolve;

    /// <param name="flags">Values of <see cref="OpenFlags"/>.</param>
    /// <param name="mode">Permission bits of a file that is created, before the umask; the kernel wants 0 when none is.</param>
    /// <param name="resolve">How the path may be resolved; none of them means as openat(2) does.</param>
    public OpenHow(int flags, uint mode, ResolveFlags resolve)
    {
        Flags = (uint)(flags | OpenFlags.CloseOnExec);
        Mode = mode;
        Resolve = resolve;
    }
}
