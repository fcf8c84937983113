using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>The system calls about this process: who it is, and how many descriptors it may have.</summary>
internal static partial class ProcessCalls
{
    private const int OpenFilesResource = 7;
    private const string Library = "libc";

    /// <summary>The effective user of this process.</summary>
    public static uint EffectiveUser => LibC.geteuid();

    /// <summary>
    /// Raises the soft limit of descriptors to the hard limit: a process compiled ahead of time keeps the soft one, which is often 1,024.
    /// </summary>
    /// <returns>How many descriptors the process may have.</returns>
    public static long RaiseOpenFilesLimit()
    {
        if (getrlimit(OpenFilesResource, out ResourceLimit limit) != 0)
        {
            return long.MaxValue;
        }
        ResourceLimit raised = limit with { Soft = limit.Hard };
        // Where this is refused the old limit stays, and too many open files is an error like any other.
        return (long)Math.Min(setrlimit(OpenFilesResource, raised) == 0 ? raised.Soft : limit.Soft, long.MaxValue);
    }

    /// <summary>Sends a signal to a process. One that has ended meanwhile needs none.</summary>
    public static void Signal(int process, int signal) => _ = kill(process, signal);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int kill(int process, int signal);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int getrlimit(int resource, out ResourceLimit limit);

    [LibraryImport(Library, SetLastError = true)]
    private static partial int setrlimit(int resource, in ResourceLimit limit);

    [StructLayout(LayoutKind.Sequential)]
    private struct ResourceLimit
    {
        public nuint Soft;
        public nuint Hard;
    }
}
