namespace Ferry;

/// <summary>A connection was lost, and another is about to be made.</summary>
/// <param name="Number">Which attempt in a row this is, from 1; a receipt begins the count anew.</param>
/// <param name="Most">How many there may be in a row.</param>
/// <param name="Pause">The time until it is made.</param>
/// <param name="Code">Why it is necessary.</param>
/// <param name="Reason">The same as a sentence.</param>
public sealed record ReconnectAttempt(int Number, int Most, TimeSpan Pause, FerryErrorCode Code, string Reason);
