using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// The numbers by which a journal knows deliveries and what arrives in them. Names may be a stranger's, so they come from a hash in which nobody finds two for one
/// number.
/// </summary>
internal static class ArrivalId
{
    /// <summary>The number of a delivery, from its key. A journal belongs to one user, so the same key of another user is another delivery.</summary>
    public static UInt128 OfDelivery(ReadOnlySpan<byte> key) => Shortened(SHA256.HashData(key));

    /// <summary>The number of an arrival: of several things sent in a delivery each has names that are unique.</summary>
    public static UInt128 Of(UInt128 delivery, long source, FerryPath name)
    {
        Span<byte> text = new byte[16 + 8 + name.Bytes.Length];
        BinaryPrimitives.WriteUInt128LittleEndian(text, delivery);
        BinaryPrimitives.WriteInt64LittleEndian(text[16..], source);
        name.Bytes.CopyTo(text[24..]);
        return Shortened(SHA256.HashData(text));
    }

    private static UInt128 Shortened(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadUInt128LittleEndian(hash);
}
