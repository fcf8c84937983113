using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>From the sender: the entries from here on belong to a delivery that may have begun on an earlier connection. Only while nothing is under way.</summary>
/// <param name="Key">What the delivery is known by, to one user.</param>
internal readonly record struct DeliveryKey(byte[] Key) : IMessage
{
    /// <summary>Longest key.</summary>
    public const int MostBytes = 64;

    private const int KeyKey = 1; // [delivery.key]

    public static FrameType Type => FrameType.Delivery;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(1);
        cbor.WriteInt32(KeyKey);
        cbor.WriteByteString(Key);
        cbor.WriteEndMap();
    }

    public static DeliveryKey Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        byte[]? key = null;
        new MessageReader(cbor, "delivery", payload).ReadMap(ref key, ReadField);
        return new DeliveryKey(key ?? throw Malformed.MissingField("[delivery.key]"));
    }

    private static bool ReadField(ref byte[]? key, int field, MessageReader reader)
    {
        if (field != KeyKey)
        {
            return false;
        }
        key = reader.ReadBytes("[delivery.key]", MostBytes);
        return key.Length > 0 ? true : throw Malformed.OutOfRange("[delivery.key]");
    }
}
