namespace Ferry;

/// <summary>How far a delivery has come.</summary>
/// <param name="BytesSent">Bytes of content sent so far.</param>
/// <param name="BytesFound">Bytes of content known to be sent in all, as far as the sources have been looked at; 0 for a pipe.</param>
/// <param name="EntriesDone">Entries with a receipt so far.</param>
/// <param name="EntriesFound">Entries found so far.</param>
public readonly record struct TransferProgress(long BytesSent, long BytesFound, long EntriesDone, long EntriesFound);
