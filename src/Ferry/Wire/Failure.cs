using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>A side gives the connection up and says why; nothing follows.</summary>
/// <param name="Code">Why.</param>
/// <param name="Reason">The sentence that goes with it.</param>
internal readonly record struct Failure(FerryErrorCode Code, string Reason) : IMessage
{
    private const int CodeKey = 1; // [failure.code]
    private const int ReasonKey = 2; // [failure.reason]

    public static FrameType Type => FrameType.Failure;

    public void Write(CborWriter cbor)
    {
        cbor.WriteStartMap(2);
        WireText.WriteError(cbor, CodeKey, Code, ReasonKey, Reason);
        cbor.WriteEndMap();
    }

    public static Failure Read(CborReader cbor, ReadOnlyMemory<byte> payload)
    {
        (FerryErrorCode? Code, string? Reason) fields = default;
        new MessageReader(cbor, "failure", payload).ReadMap(ref fields, ReadField);
        return new Failure(
            fields.Code ?? throw Malformed.MissingField("[failure.code]"),
            fields.Reason ?? throw Malformed.MissingField("[failure.reason]"));
    }

    private static bool ReadField(ref (FerryErrorCode? Code, string? Reason) fields, int key, MessageReader reader)
    {
        switch (key)
        {
            case CodeKey: fields.Code = WireText.ReadCode(reader, "[failure.code]"); return true;
            case ReasonKey: fields.Reason = WireText.ReadReason(reader, "[failure.reason]"); return true;
            default: return false;
        }
    }
}
