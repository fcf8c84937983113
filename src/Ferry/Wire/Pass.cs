using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>The sender passes open files, attached to the message that holds just this frame, in the order of the entries they are for.</summary>
/// <param name="Entries">The entries, each offered with a descriptor.</param>
internal readonly record struct Pass(IReadOnlyList<uint> Entries) : IMessage
{
    private const int EntriesKey = 1; // [pass.entries]

    public static FrameType Type => FrameType.Pass;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(1);
        cbor.WriteInt32(EntriesKey);
        cbor.WriteStartArray(Entries.Count);
        foreach (uint entry in Entries)
        {
            cbor.WriteUInt32(entry);
        }
        cbor.WriteEndArray();
        cbor.WriteEndMap();
    }

    public static Pass Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        List<uint>? entries = null;
        new MessageReader(cbor, "pass", payload).ReadMap(ref entries, ReadField);
        return new Pass(entries ?? throw Malformed.MissingField("[pass.entries]"));
    }

    private static bool ReadField(ref List<uint>? entries, int key, MessageReader reader)
    {
        if (key != EntriesKey)
        {
            return false;
        }
        entries = reader.ReadArray("[pass.entries]", ProtocolLimits.MaxDescriptors, item => (uint)item.ReadNumber("[pass.entries]", uint.MaxValue));
        return true;
    }
}
