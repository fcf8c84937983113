namespace Ferry;

/// <summary>
/// Something could not be done. The type tells what is still usable: this type itself means that only the call
/// failed, <see cref="FerryConnectionException"/> that the connection is gone; <see cref="Code"/> tells why.
/// </summary>
public class FerryException : Exception
{
    /// <summary>Makes an exception whose message says what failed, on which name, why, and what to do.</summary>
    public FerryException(FerryErrorCode code, string message, Exception? innerException = null)
        : base(message, innerException) => Code = code;

    /// <summary>Makes an exception for an entry that was not stored.</summary>
    public FerryException(Receipt receipt)
        : base($"{receipt.Name} was not stored: {receipt.Reason}")
    {
        Code = receipt.Code ?? FerryErrorCode.Internal;
        Receipt = receipt;
    }

    /// <summary>Why it failed.</summary>
    public FerryErrorCode Code { get; }

    /// <summary>The receipt of the entry that was not stored; null when no single entry is meant.</summary>
    public Receipt? Receipt { get; }
}

/// <summary>The connection could not be made or is lost; a client that throws it can only be disposed.</summary>
public sealed class FerryConnectionException : FerryException
{
    /// <summary>Makes an exception for a connection that failed.</summary>
    public FerryConnectionException(FerryErrorCode code, string message, Exception? innerException = null)
        : base(code, message, innerException)
    {
    }

    /// <summary>True when the peer gave the connection up and said why; it needs no telling.</summary>
    internal bool FromPeer { get; init; }

    /// <summary>True when it is what a delivery fails with, whatever its last connection failed with.</summary>
    internal bool IsFinal { get; init; }
}
