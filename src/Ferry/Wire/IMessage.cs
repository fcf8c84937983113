using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>A control message: the payload of every frame but content.</summary>
internal interface IMessage
{
    /// <summary>The frame type it travels in.</summary>
    static abstract FrameType Type { get; }

    /// <summary>Writes the message's map.</summary>
    void Write(CborWriter cbor);
}
