using System.Buffers.Binary;
using System.Security.Cryptography;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// The numbers by which a journal knows deliveries and what arrives in them. Names may be a stranger's, so they come from a hash in which nobody finds two for one
/// number.
/// </summary>
internal static class ArrivalId
{
    private const int MostOnStack = 512;

    private static readonly UInt128 PartMask = ushort.MaxValue;

    /// <summary>The number of a delivery, from its key. A journal belongs to one user, so the same key of another user is another delivery.</summary>
    public static UInt128 OfDelivery(ReadOnlySpan<byte> key) => Shortened(key);

    /// <summary>The number of an arrival: of several things sent in a delivery each has names that are unique. It begins with a part of its delivery's.</summary>
    public static UInt128 Of(UInt128 delivery, long source, FerryPath name)
    {
        int length = 16 + 8 + name.Bytes.Length;
        Span<byte> text = length <= MostOnStack ? stackalloc byte[length] : new byte[length];
        BinaryPrimitives.WriteUInt128LittleEndian(text, delivery);
        BinaryPrimitives.WriteInt64LittleEndian(text[16..], source);
        name.Bytes.CopyTo(text[24..]);
        return (Shortened(text) & ~PartMask) | (delivery & PartMask);
    }

    /// <summary>What the numbers of a delivery and of all its arrivals have in common, and those of few others.</summary>
    public static ushort PartOfDelivery(UInt128 id) => (ushort)(id & PartMask);

    private static UInt128 Shortened(ReadOnlySpan<byte> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
