using System.Buffers.Binary;
using System.Security.Cryptography;
using Ferry.Native;
using Ferry.Wire;

namespace Ferry.Server.Storage.Journal;

/// <summary>Where a file waits before it has its name: enough to tell later whether it still waits there.</summary>
/// <param name="Directory">The directory of the server's own that it is in, from the root.</param>
/// <param name="File">Its name in there.</param>
/// <param name="Inode">An inode number is used again, but not with the same birth.</param>
/// <param name="Born">When it was made; zero where the file system does not say.</param>
internal readonly record struct StagedIdentity(FerryPath Directory, FerryPath File, ulong Inode, TimeStamp Born)
{
    /// <summary>True for a directory that is published as a whole; those wait in one place.</summary>
    public bool IsTree => Directory == WaitingTrees.Path;
}

/// <summary>A file of a delivery with a key, from before it is published until its receipt is remembered.</summary>
/// <param name="Id">Which arrival it is.</param>
/// <param name="Offer">As it was offered.</param>
/// <param name="Receipt">The receipt that it gets when it is published; the name and the level are known only then.</param>
/// <param name="Level">The level that it is to reach.</param>
/// <param name="Staged">Where it waits.</param>
internal sealed record Arrival(UInt128 Id, Offer Offer, Receipt Receipt, Durability Level, StagedIdentity Staged)
{
    /// <summary>The number of a delivery, from its key. A journal belongs to one user, so the same key of another user is another delivery.</summary>
    public static UInt128 DeliveryOf(ReadOnlySpan<byte> key) => Shortened(SHA256.HashData(key));

    /// <summary>
    /// The number of an arrival: of several things sent in a delivery each has names that are unique. A tree may be a stranger's, so the hash is one
    /// in which nobody finds two names for one number.
    /// </summary>
    public static UInt128 IdOf(UInt128 delivery, long source, FerryPath name)
    {
        Span<byte> text = new byte[16 + 8 + name.Bytes.Length];
        BinaryPrimitives.WriteUInt128LittleEndian(text, delivery);
        BinaryPrimitives.WriteInt64LittleEndian(text[16..], source);
        name.Bytes.CopyTo(text[24..]);
        return Shortened(SHA256.HashData(text));
    }

    private static UInt128 Shortened(ReadOnlySpan<byte> hash) => BinaryPrimitives.ReadUInt128LittleEndian(hash);
}
