using System.Globalization;
using System.Text;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Files;

/// <summary>Tells one run of the machine from another: what was written and not flushed is there for sure only within one.</summary>
internal static class BootIdentity
{
    /// <summary>The kernel's number for this run of the machine; another one at each call where the kernel does not say.</summary>
    public static UInt128 Read()
    {
        int error = FileCalls.Open(FileCalls.WorkingDirectory, "/proc/sys/kernel/random/boot_id"u8, OpenFlags.ReadOnly, 0, out SafeFileHandle file);
        using (file)
        {
            Span<byte> text = stackalloc byte[64];
            int length = 0;
            error = error == 0 ? FileCalls.Read(file, text, out length) : error;
            string digits = Encoding.ASCII.GetString(text[..length]).Replace("-", "", StringComparison.Ordinal).Trim();
            return error == 0 && UInt128.TryParse(digits, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out UInt128 boot)
                ? boot
                : new UInt128((ulong)Random.Shared.NextInt64(), (ulong)Random.Shared.NextInt64());
        }
    }
}
