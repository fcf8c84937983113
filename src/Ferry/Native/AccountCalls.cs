using System.Runtime.InteropServices;

namespace Ferry.Native;

/// <summary>Looks up users and groups by name, wherever the system keeps them. Each gives 0 or the errno; a name that nobody has is ENOENT.</summary>
internal static partial class AccountCalls
{
    private const string Library = "libc";

    /// <summary>A group's entry holds the names of all its members.</summary>
    private const int SmallestBuffer = 4 * 1024, LargestBuffer = 16 * 1024 * 1024;

    private delegate int Lookup(string name, out Account account, Span<byte> buffer, nint length, out nint found);

    /// <summary>The number of a user.</summary>
    public static int FindUser(string name, out uint number) => Find(getpwnam_r, name, out number);

    /// <summary>The number of a group.</summary>
    public static int FindGroup(string name, out uint number) => Find(getgrnam_r, name, out number);

    private static int Find(Lookup lookup, string name, out uint number)
    {
        int size = SmallestBuffer;
        while (true)
        {
            byte[] buffer = new byte[size];
            int error = lookup(name, out Account account, buffer, size, out nint found);
            if (error == Errno.EINTR)
            {
                continue;
            }
            if (error == Errno.ERANGE && size < LargestBuffer)
            {
                size *= 4;
                continue;
            }
            number = account.Number;
            // Some sources of accounts report a name that nobody has as an error of their own.
            return error is Errno.ESRCH or Errno.EBADF or Errno.EPERM || (error == 0 && found == 0) ? Errno.ENOENT : error;
        }
    }

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getpwnam_r(string name, out Account account, Span<byte> buffer, nint length, out nint found);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int getgrnam_r(string name, out Account account, Span<byte> buffer, nint length, out nint found);

    /// <summary>struct passwd and struct group begin alike: name, password, number; room for the rest of the longer one.</summary>
    [StructLayout(LayoutKind.Sequential, Size = 64)]
    private struct Account
    {
        public nint Name;
        public nint Password;
        public uint Number;
    }
}
