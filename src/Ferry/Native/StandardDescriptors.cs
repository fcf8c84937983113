using Microsoft.Win32.SafeHandles;

namespace Ferry.Native;

/// <summary>
/// Standard input, output and error of a process that was started without one of them: the next file or socket that it opens would get that
/// number, and messages would be written into it.
/// </summary>
internal static class StandardDescriptors
{
    private const int Last = 2;

    /// <summary>Puts /dev/null in the place of those that are closed.</summary>
    public static void Fill()
    {
        int error = 0;
        while (error == 0 && Enumerable.Range(0, Last + 1).Any(number => !DescriptorCalls.IsOpen(number)))
        {
            // The kernel gives the lowest free number. The descriptor stays open for good.
            error = FileCalls.Open(FileCalls.WorkingDirectory, "/dev/null"u8, OpenFlags.ReadWrite, 0, out SafeFileHandle file);
            file.SetHandleAsInvalid();
        }
    }
}
