namespace Ferry.Wire;

/// <summary>A frame that was read, or a piece of one: content is handed on as it arrives.</summary>
/// <param name="Type">What the frame is.</param>
/// <param name="Entry">The entry it is about.</param>
/// <param name="Payload">The whole payload, or for content the piece that has arrived; valid until the next read.</param>
internal readonly record struct Frame(FrameType Type, uint Entry, ReadOnlyMemory<byte> Payload);
