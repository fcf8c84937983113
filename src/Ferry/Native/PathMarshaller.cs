using System.Runtime.InteropServices;
using System.Runtime.InteropServices.Marshalling;

namespace Ferry.Native;

/// <summary>Passes the bytes of a path to a system call with the NUL that it expects behind them.</summary>
[CustomMarshaller(typeof(ReadOnlySpan<byte>), MarshalMode.ManagedToUnmanagedIn, typeof(Argument))]
internal static unsafe class PathMarshaller
{
    public ref struct Argument
    {
        /// <summary>Long enough for every single component and for most paths.</summary>
        public static int BufferSize => 512;

        private byte* path;
        private bool allocated;

        public void FromManaged(ReadOnlySpan<byte> managed, Span<byte> buffer)
        {
            if (managed.Contains((byte)0))
            {
                // The kernel would take what stands before the NUL for the whole path.
                throw new ArgumentException("A path cannot hold a NUL.", nameof(managed));
            }
            allocated = managed.Length >= buffer.Length;
            path = allocated
                ? (byte*)NativeMemory.Alloc((nuint)managed.Length + 1)
                : (byte*)System.Runtime.CompilerServices.Unsafe.AsPointer(ref MemoryMarshal.GetReference(buffer));
            managed.CopyTo(new Span<byte>(path, managed.Length));
            path[managed.Length] = 0;
        }

        public readonly byte* ToUnmanaged() => path;

        public readonly void Free()
        {
            if (allocated)
            {
                NativeMemory.Free(path);
            }
        }
    }
}
