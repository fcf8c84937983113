namespace Ferry;

/// <summary>The names of error codes and results as they appear on the wire, in JSON and in logs.</summary>
public static class FerryErrorCodes
{
    /// <summary>The code's name in lower case with hyphens, for example <c>no-space</c>.</summary>
    public static string WireName(this FerryErrorCode code) => WireNames<FerryErrorCode>.Of(code);

    /// <summary>The result's name in lower case with hyphens, for example <c>storage-error</c>.</summary>
    public static string WireName(this ReceiptResult result) => WireNames<ReceiptResult>.Of(result);

    /// <summary>The level's name, <c>received</c> or <c>durable</c>.</summary>
    public static string WireName(this Durability level) => WireNames<Durability>.Of(level);

    /// <summary>Who computed the hash: <c>none</c>, <c>server</c> or <c>both</c>.</summary>
    public static string WireName(this HashCheck check) => WireNames<HashCheck>.Of(check);

    /// <summary>How content travelled: <c>streamed</c>, <c>copied</c> or <c>cloned</c>.</summary>
    public static string WireName(this TransferMethod method) => WireNames<TransferMethod>.Of(method);

    /// <summary>Finds the code with the given wire name.</summary>
    public static bool TryParse(string name, out FerryErrorCode code) => WireNames<FerryErrorCode>.TryParse(name, out code);

    /// <summary>The result that a receipt with the given code has.</summary>
    public static ReceiptResult Result(this FerryErrorCode code) => code switch
    {
        FerryErrorCode.NoSpace or FerryErrorCode.Quota => ReceiptResult.NoSpace,
        FerryErrorCode.FileSizeLimit or FerryErrorCode.ReadOnly or FerryErrorCode.PermissionDenied
            or FerryErrorCode.TooManyOpenFiles or FerryErrorCode.RootGone or FerryErrorCode.StorageError
            or FerryErrorCode.Internal => ReceiptResult.StorageError,
        FerryErrorCode.HashMismatch or FerryErrorCode.SizeMismatch => ReceiptResult.Mismatch,
        FerryErrorCode.SourceChanged => ReceiptResult.Changed,
        FerryErrorCode.SourceUnreadable or FerryErrorCode.GivenUp => ReceiptResult.Unreadable,
        FerryErrorCode.SpecialFile => ReceiptResult.Special,
        FerryErrorCode.ConnectionLost or FerryErrorCode.Stalled => ReceiptResult.Unknown,
        _ => ReceiptResult.Refused,
    };
}
