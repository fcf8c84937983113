namespace Ferry.Server;

/// <summary>How a delivery went.</summary>
/// <param name="Peer">Who sent it, in words.</param>
/// <param name="Counts">Entries by result.</param>
/// <param name="LessSafe">Entries that are stored, less safely than the sender asked for.</param>
/// <param name="Failure">Why the connection failed before the sender was finished; null when it did not.</param>
public sealed record DeliverySummary(string Peer, IReadOnlyDictionary<ReceiptResult, int> Counts, int LessSafe, FerryErrorCode? Failure);
