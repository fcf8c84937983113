using System.Buffers.Binary;
using System.IO.Hashing;
using System.Security.Cryptography;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// The numbers by which a journal knows deliveries and what arrives in them. Names may be a stranger's, and two can be found that have one number: then the journal
/// forgets one of the two. What it says of the other is not said of that one, because who reads it compares the names.
/// </summary>
internal static class ArrivalId
{
    private const int NameBits = 64;

    /// <summary>The number of a delivery, from its key. A journal belongs to one user, so the same key of another user is another delivery.</summary>
    public static UInt128 OfDelivery(ReadOnlySpan<byte> key)
    {
        Span<byte> hash = stackalloc byte[SHA256.HashSizeInBytes];
        SHA256.HashData(key, hash);
        return BinaryPrimitives.ReadUInt128LittleEndian(hash);
    }

    /// <summary>The number of an arrival: of several things sent in a delivery each has names that are unique.</summary>
    public static UInt128 Of(UInt128 delivery, long source, FerryPath name) => new(PartOfDelivery(delivery), XxHash3.HashToUInt64(name.Bytes, source));

    /// <summary>What the numbers of a delivery and of all its arrivals have in common.</summary>
    public static ulong PartOfDelivery(UInt128 id) => (ulong)(id >> NameBits);
}
