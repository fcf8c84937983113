namespace Ferry.Cli;

/// <summary>The exit codes, as docs/cli.md promises them.</summary>
internal static class ExitCodes
{
    public const int Success = 0, InternalError = 1, Usage = 2, NoServer = 3, NotAllowed = 4, ConnectionLost = 5, Mismatch = 6, NoSpace = 7,
        StorageError = 8, Refused = 9, Kept = 10, Unreadable = 11, Changed = 12, Special = 13, Protocol = 14, Signal = 128;

    /// <summary>Of several, the first in this order is the exit code.</summary>
    private static readonly int[] Order =
    [
        InternalError, Protocol, NoServer, NotAllowed, ConnectionLost, Mismatch, NoSpace, StorageError, Refused, Kept, Unreadable, Changed, Special,
    ];

    /// <summary>The exit code for a call or connection that failed.</summary>
    public static int Of(FerryErrorCode code) => code switch
    {
        FerryErrorCode.Internal => InternalError,
        FerryErrorCode.Usage => Usage,
        FerryErrorCode.NoServer or FerryErrorCode.Busy => NoServer,
        FerryErrorCode.NotAllowed => NotAllowed,
        FerryErrorCode.Protocol or FerryErrorCode.Unsupported or FerryErrorCode.Limit => Protocol,
        FerryErrorCode.Stopping => ConnectionLost,
        _ => Of(code.Result()),
    };

    /// <summary>The exit code where a served directory that was named cannot be used: what is refused then is that argument.</summary>
    public static int OfDirectory(FerryErrorCode code) => Of(code) == Refused || code == FerryErrorCode.RootGone ? Usage : Of(code);

    /// <summary>The exit code for one entry.</summary>
    public static int Of(ReceiptResult result) => result switch
    {
        ReceiptResult.Stored or ReceiptResult.Held or ReceiptResult.Sent => Success,
        ReceiptResult.Kept => Kept,
        ReceiptResult.Refused => Refused,
        ReceiptResult.NoSpace => NoSpace,
        ReceiptResult.StorageError => StorageError,
        ReceiptResult.Mismatch => Mismatch,
        ReceiptResult.Changed => Changed,
        ReceiptResult.Unreadable => Unreadable,
        ReceiptResult.Special => Special,
        ReceiptResult.Unknown => ConnectionLost,
        _ => InternalError,
    };

    /// <summary>The exit code for an entry's receipt: one that was refused for something the peer does not know is a matter of protocol.</summary>
    public static int Of(Receipt receipt) =>
        receipt.Result == ReceiptResult.Refused && receipt.Code is FerryErrorCode.Unsupported ? Protocol : Of(receipt.Result);

    /// <summary>The one exit code for several.</summary>
    public static int Worst(IEnumerable<int> codes)
    {
        HashSet<int> failures = [.. codes.Where(code => code != Success)];
        return failures.Count == 0 ? Success : Order.FirstOrDefault(failures.Contains, failures.First());
    }
}
