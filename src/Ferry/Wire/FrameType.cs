namespace Ferry.Wire;

/// <summary>What a frame is, <c>[frame.type]</c>.</summary>
internal enum FrameType : byte
{
    /// <summary>Either side, first. <c>[greeting]</c></summary>
    Greeting = 1,
    /// <summary>Sender: an entry begins. <c>[offer]</c></summary>
    Offer = 2,
    /// <summary>Sender: raw bytes of an entry. <c>[content]</c></summary>
    Content = 3,
    /// <summary>Sender: an entry ends, whole or given up. <c>[end]</c></summary>
    End = 4,
    /// <summary>Receiver: content of an offered entry may come. <c>[go]</c></summary>
    Go = 5,
    /// <summary>Receiver: what became of an entry. <c>[receipt]</c></summary>
    Receipt = 6,
    /// <summary>Sender: no more entries; receiver: no more receipts. <c>[finish]</c></summary>
    Finish = 7,
    /// <summary>Either side: still here, waiting for input or disk. <c>[alive]</c></summary>
    Alive = 8,
    /// <summary>Either side, last: the connection is given up. <c>[failure]</c></summary>
    Failure = 9,
    /// <summary>Server: a descriptor to read from; client: what was read. <c>[proof]</c></summary>
    Proof = 10,
    /// <summary>Sender: open files for entries. <c>[pass]</c></summary>
    Pass = 11,
    /// <summary>Sender: from where the content of an entry begins that the receiver has a part of. <c>[from]</c></summary>
    From = 12,
    /// <summary>Sender: the key of the delivery that the entries from here on belong to. <c>[delivery]</c></summary>
    Delivery = 13,
}
