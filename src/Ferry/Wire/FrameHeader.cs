using System.Buffers.Binary;

namespace Ferry.Wire;

/// <summary>What stands before each frame's payload.</summary>
/// <param name="Type">What the frame is.</param>
/// <param name="Entry">The entry it is about; 0 for the connection as a whole.</param>
/// <param name="Length">Bytes of payload.</param>
internal readonly record struct FrameHeader(FrameType Type, uint Entry, int Length)
{
    public const int Size = 8;

    // offset  size  field
    //      0     1  [frame.type]
    //      1     3  [frame.length]  big-endian
    //      4     4  [frame.entry]   big-endian
    public void Write(Span<byte> header)
    {
        BinaryPrimitives.WriteUInt32BigEndian(header, ((uint)Type << 24) | (uint)Length);
        BinaryPrimitives.WriteUInt32BigEndian(header[4..], Entry);
    }

    public static FrameHeader Read(ReadOnlySpan<byte> header)
    {
        uint typeAndLength = BinaryPrimitives.ReadUInt32BigEndian(header);
        return new((FrameType)(typeAndLength >> 24), BinaryPrimitives.ReadUInt32BigEndian(header[4..]), (int)(typeAndLength & 0xFFFFFF));
    }
}
