namespace Ferry.Wire;

/// <summary>The texts for everything that a peer can get wrong, in one place. Each ends the connection unless it says otherwise.</summary>
internal static class Malformed
{
    public static FerryConnectionException NotNative() => Protocol(
        "the peer does not speak Ferry's native protocol: it did not answer with the preface; if it is a server of the plain protocol, write plain: before its address");

    public static FerryConnectionException FirstFrame(FrameType type) => Protocol($"expected the greeting first, got {Name(type)}");

    public static FerryConnectionException SecondGreeting() => Protocol("a second greeting");

    public static FerryConnectionException NoCommonVersion(string theirs) => new(FerryErrorCode.Unsupported,
        $"no common protocol version: the peer speaks {theirs}, this side speaks {Greeting.CurrentVersion}; update the older side");

    public static FerryConnectionException NoCommonHash() => new(FerryErrorCode.Unsupported, "no common content hash: every peer must name sha256");

    public static FerryConnectionException CannotStore() => new(FerryErrorCode.Unsupported, "the server does not take entries: it did not name the capability 'store'");

    public static FerryConnectionException UnknownFrame(FrameType type) => new(FerryErrorCode.Unsupported, $"unknown frame type {(byte)type}");

    public static FerryConnectionException UnexpectedFrame(FrameType type) => Protocol($"{Name(type)} is not for this side to receive");

    public static FerryConnectionException FrameTooLong(FrameType type, int length, long limit) => new(FerryErrorCode.Limit,
        $"a frame of type {Name(type)} announces {length} bytes, the limit is {limit}");

    public static FerryConnectionException WrongEntry(FrameType type, uint entry) => Protocol(
        entry == 0 ? $"{Name(type)} names no entry" : $"{Name(type)} names entry {entry}; it is about the connection and must name 0");

    public static FerryConnectionException NotCbor(string message, Exception inner) => new(FerryErrorCode.Protocol, $"the {message} is not a well-formed CBOR map: {inner.Message}", inner);

    public static FerryConnectionException RepeatedField(string message, int key) => Protocol($"field {key} stands twice in the {message}");

    public static FerryConnectionException TrailingBytes(string message) => Protocol($"bytes follow the map of the {message}");

    public static FerryConnectionException MissingField(string tag) => Protocol($"{tag} is missing");

    public static FerryConnectionException OutOfRange(string tag) => new(FerryErrorCode.Limit, $"{tag} is out of range");

    /// <summary>Fails one entry where the message is about one, and the connection elsewhere.</summary>
    public static FerryException UnknownField(string message, int key) => new(FerryErrorCode.Unsupported, $"unknown field {key} in the {message}");

    public static FerryConnectionException EntryNumber(uint entry, uint last) => Protocol($"entry {entry} is offered after entry {last}: numbers start at 1 and only grow");

    public static FerryConnectionException UnknownEntry(FrameType type, uint entry) => Protocol($"{Name(type)} for entry {entry}, which is not open");

    public static FerryConnectionException ReceiptBeforeEnd(uint entry) => Protocol($"the receipt of entry {entry} says stored before its end was sent");

    public static FerryConnectionException ContentForDirectory(uint entry) => Protocol($"content for entry {entry}, which is a directory");

    public static FerryConnectionException ContentBeforeGo(uint entry) => Protocol($"content for entry {entry}, which is to come as an open file");

    public static FerryConnectionException ResumeNotNamed() => Protocol("[offer.resume] came though not both sides named the capability 'resume'");

    public static FerryConnectionException ResumeWithoutSize() => Protocol("[offer.resume] is for files of known size only");

    public static FerryConnectionException TooEarly(FrameType type, uint entry) => Protocol($"{Name(type)} for entry {entry} before the receiver's answer");

    public static FerryConnectionException FromMissing(uint entry) => Protocol($"content or the whole end of entry {entry} before [from], which answers a go with an offset");

    public static FerryConnectionException FromUnexpected(uint entry) => Protocol($"from for entry {entry}, whose go had no offset that waits for it");

    public static FerryConnectionException FromElsewhere(uint entry, long offset, long offered) =>
        Protocol($"from for entry {entry} names offset {offset}; the go named {offered}, and 0 is the only other answer");

    public static FerryConnectionException OffsetUnasked(uint entry) => Protocol($"a go with an offset for entry {entry}, which was not offered with [offer.resume]");

    public static FerryConnectionException OffsetBeyond(uint entry, long offset, long size) => Protocol($"a go with offset {offset} for entry {entry} of {size} bytes");

    public static FerryConnectionException HashLength(string tag) => Protocol($"{tag} has another length than the connection's hash");

    public static FerryConnectionException AfterAtomicEnd(uint entry) => Protocol($"entry {entry} belongs to a directory that is stored atomically and has ended");

    public static FerryConnectionException AtomicEndEarly(uint entry) => Protocol($"entry {entry} is stored atomically and ended before everything in it had");

    public static FerryConnectionException TooManyEntries(long limit) => new(FerryErrorCode.Limit, $"more than {limit} entries wait for a receipt");

    public static FerryConnectionException TooManyDirectories(long limit) => new(FerryErrorCode.Limit, $"more than {limit} directories are open");

    public static FerryConnectionException UnexpectedDescriptors() => Protocol("descriptors came where none belong");

    public static FerryConnectionException DescriptorsNotProven() => Protocol("a descriptor was offered or passed before it was shown that descriptors arrive");

    public static FerryConnectionException TooManyDescriptors(long limit) => new(FerryErrorCode.Limit, $"more than {limit} descriptors are offered and wait for an answer");

    public static FerryConnectionException DeliveryNotTaken() => new(FerryErrorCode.Unsupported, "a delivery key came to a server that did not name the capability 'replay'");

    public static FerryConnectionException DeliveryUnderWay(int open) => Protocol($"a delivery key came while {open} entries were open");

    public static FerryConnectionException SourceWithoutDelivery(uint entry) => Protocol($"the offer of entry {entry} has [offer.source] where no delivery key was given");

    public static FerryConnectionException ReplayedWithoutKey(uint entry) => Protocol($"the receipt of entry {entry} is said to be from an earlier connection, and this delivery has no key");

    public static FerryConnectionException FinishedEarly(int open) => Protocol($"finish came while {open} entries were open");

    public static FerryConnectionException Ended() => new(FerryErrorCode.ConnectionLost, "the peer closed the connection before the exchange was complete");

    public static FerryConnectionException GreetingStalled(TimeSpan timeout) => new(FerryErrorCode.Stalled,
        FormattableString.Invariant($"the greetings were not complete within {timeout.TotalSeconds:0.###} s"));

    public static FerryConnectionException Stalled(TimeSpan timeout) => new(FerryErrorCode.Stalled,
        FormattableString.Invariant($"the peer was silent for {timeout.TotalSeconds:0.###} s, the stall time-out"));

    public static FerryConnectionException Broken(IOException inner) => new(FerryErrorCode.ConnectionLost, $"the connection broke: {inner.InnerException?.Message ?? inner.Message}", inner);

    public static FerryConnectionException Closed() => new(FerryErrorCode.ConnectionLost, "the connection was closed on this side");

    private static FerryConnectionException Protocol(string message) => new(FerryErrorCode.Protocol, message);

    private static string Name(FrameType type) => Enum.IsDefined(type) ? type.ToString().ToLowerInvariant() : $"frame type {(byte)type}";
}
