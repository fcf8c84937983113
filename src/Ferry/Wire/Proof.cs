using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>
/// From the server, with a descriptor attached: what can you read through it? From the client: this. A relay drops the descriptor, and then
/// content is streamed.
/// </summary>
/// <param name="Bytes">What the client read; null when no descriptor came, and from the server.</param>
internal readonly record struct Proof(byte[]? Bytes) : IMessage
{
    /// <summary>Random bytes in the file that is passed.</summary>
    public const int Size = 16;

    private const int BytesKey = 1; // [proof.bytes]

    public static FrameType Type => FrameType.Proof;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(Bytes is null ? 0 : 1);
        if (Bytes is not null)
        {
            cbor.WriteInt32(BytesKey);
            cbor.WriteByteString(Bytes);
        }
        cbor.WriteEndMap();
    }

    public static Proof Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        byte[]? bytes = null;
        new MessageReader(cbor, "proof", payload).ReadMap(ref bytes, ReadField);
        return new Proof(bytes);
    }

    private static bool ReadField(ref byte[]? bytes, int key, MessageReader reader)
    {
        if (key != BytesKey)
        {
            return false;
        }
        bytes = reader.ReadBytes("[proof.bytes]", Size);
        return true;
    }
}
