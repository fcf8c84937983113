using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>From the sender: no more entries; from the receiver, in answer: no more receipts.</summary>
internal readonly record struct Finish : IMessage
{
    public static FrameType Type => FrameType.Finish;

    public void Write(CborWriter cbor) => EmptyMap.Write(cbor);
}

/// <summary>Still here, waiting for input or disk.</summary>
internal readonly record struct Alive : IMessage
{
    public static FrameType Type => FrameType.Alive;

    public void Write(CborWriter cbor) => EmptyMap.Write(cbor);
}

/// <summary>The map of the messages that have no field yet; a field that a newer peer adds is refused, as anywhere else.</summary>
internal static class EmptyMap
{
    public static void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(0);
        cbor.WriteEndMap();
    }

    public static void Read(CborReader cbor, string message, ReadOnlyMemory<byte> payload)
    {
        int fields = 0;
        new MessageReader(cbor, message, payload).ReadMap(ref fields, (ref int _, int _, MessageReader _) => false);
    }
}
