using System.Buffers.Binary;

namespace Ferry.Native;

/// <summary>One name in a directory, as getdents64(2) gives it.</summary>
/// <remarks>
/// <code>
/// inode:8  next offset:8  record length:2  type:1  name... NUL padding
/// </code>
/// </remarks>
internal readonly ref struct DirectoryEntry
{
    private const int PositionOffset = 8, LengthOffset = 16, TypeOffset = 18, NameOffset = 19;

    /// <summary>The name, one component, without NUL; lives in the buffer that was read into.</summary>
    public ReadOnlySpan<byte> Name { get; private init; }

    /// <summary>What the directory itself says of it.</summary>
    public DirectoryEntryType Type { get; private init; }

    /// <summary>Where reading goes on after this entry: a position for <see cref="FileCalls.Seek"/>.</summary>
    public long NextPosition { get; private init; }

    /// <summary>Takes the next entry other than <c>.</c> and <c>..</c> off the front of what <see cref="FileCalls.ReadDirectory"/> read.</summary>
    /// <returns>False when the buffer is used up.</returns>
    public static bool TryTake(ref ReadOnlySpan<byte> buffer, out DirectoryEntry entry)
    {
        while (buffer.Length > NameOffset)
        {
            int length = BinaryPrimitives.ReadUInt16LittleEndian(buffer[LengthOffset..]);
            ReadOnlySpan<byte> name = buffer[NameOffset..length];
            name = name[..name.IndexOf((byte)0)];
            entry = new DirectoryEntry
            {
                Name = name,
                Type = (DirectoryEntryType)buffer[TypeOffset],
                NextPosition = BinaryPrimitives.ReadInt64LittleEndian(buffer[PositionOffset..]),
            };
            buffer = buffer[length..];
            if (!name.SequenceEqual("."u8) && !name.SequenceEqual(".."u8))
            {
                return true;
            }
        }
        entry = default;
        return false;
    }
}
