using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace Ferry.Server.Storage.Journal;

/// <summary>The numbers by which deliveries with a key and what arrives in them are known.</summary>
internal static class ArrivalId
{
    private const int IdBytes = 16;
    private const int NameBits = 64;

    /// <summary>The number of a delivery, from its key. A journal belongs to one user, so the same key of another user is another delivery.</summary>
    public static UInt128 OfDelivery(ReadOnlySpan<byte> key) => Shortened(key);

    /// <summary>
    /// The number of an arrival in the journal: of several things sent in a delivery each has names that are unique. A stranger's names may be chosen so that two have
    /// one number. Then at least one of the two is forgotten; what is said of one is not said of the other, because who reads it compares the names.
    /// </summary>
    public static UInt128 Of(UInt128 delivery, long source, FerryPath name) => new(PartOfDelivery(delivery), XxHash3.HashToUInt64(name.Bytes, source));

    /// <summary>
    /// The number of a directory that waits until it is whole. Two with one number would be filled as one, so nobody may find names that share one.
    /// </summary>
    public static UInt128 OfTree(UInt128 delivery, long source, FerryPath name)
    {
        byte[] text = new byte[IdBytes + sizeof(long) + name.Bytes.Length];
        BinaryPrimitives.WriteUInt128LittleEndian(text, delivery);
        BinaryPrimitives.WriteInt64LittleEndian(text.AsSpan(IdBytes), source);
        name.Bytes.CopyTo(text.AsSpan(IdBytes + sizeof(long)));
        return Shortened(text);
    }

    /// <summary>What the numbers of a delivery and of all its arrivals have in common.</summary>
    public static ulong PartOfDelivery(UInt128 id) => (ulong)(id >> NameBits);

    private static UInt128 Shortened(ReadOnlySpan<byte> text)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(text, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }
}
