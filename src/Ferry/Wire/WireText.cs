using System.Formats.Cbor;

namespace Ferry.Wire;

/// <summary>The words of the wire: results, levels, codes and reasons.</summary>
internal static class WireText
{
    /// <summary>Longest hash that is accepted, in bytes.</summary>
    public const int MostHashBytes = 64;

    private const int MostReason = 2000;
    private const int MostWord = 64;

    /// <summary>Reads a word that must be one of an enumeration's names in lower case with hyphens.</summary>
    public static T Read<T>(MessageReader reader, string tag)
        where T : struct, Enum =>
        WireNames<T>.TryParse(reader.ReadText(tag, MostWord), out T value) ? value : throw Malformed.OutOfRange(tag);

    /// <summary>Reads an error code. One that a newer peer added counts as <see cref="FerryErrorCode.Unsupported"/>: the reason beside it still tells.</summary>
    public static FerryErrorCode ReadCode(MessageReader reader, string tag) =>
        FerryErrorCodes.TryParse(reader.ReadText(tag, MostWord), out FerryErrorCode code) ? code : FerryErrorCode.Unsupported;

    public static string ReadReason(MessageReader reader, string tag) => reader.ReadText(tag, MostReason);

    /// <summary>
    /// The same failure with a reason no longer than a message takes, to be kept for an entry: a name in it may be shown four times as long as it is, and there
    /// may be a thousand such entries.
    /// </summary>
    public static FerryException Shorten(FerryException failure) =>
        failure.Message.Length <= MostReason ? failure : new FerryException(failure.Code, Shorten(failure.Message));

    public static void WriteError(CborWriter cbor, int codeKey, FerryErrorCode? code, int reasonKey, string? reason)
    {
        if (code is { } known)
        {
            cbor.WriteInt32(codeKey);
            cbor.WriteTextString(known.WireName());
        }
        if (reason is not null)
        {
            cbor.WriteInt32(reasonKey);
            cbor.WriteTextString(Shorten(reason));
        }
    }

    private static string Shorten(string reason) => reason.Length <= MostReason ? reason : reason[..MostReason];
}
