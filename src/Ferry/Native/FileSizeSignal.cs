using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>
/// A write beyond RLIMIT_FSIZE raises SIGXFSZ, which ends the process unless it is handled. Handled, the write fails with
/// EFBIG like any other, and only the one file is refused.
/// </summary>
internal static class FileSizeSignal
{
    private const int Number = 25;

    private static readonly Lazy<PosixSignalRegistration> Registration =
        new(() => PosixSignalRegistration.Create((PosixSignal)Number, context => context.Cancel = true));

    /// <summary>Ignores the signal for the rest of the process's life.</summary>
    public static void Ignore() => _ = Registration.Value;
}
