namespace Ferry.Fuzz;

/// <summary>Something that must not happen, whatever a peer sends.</summary>
internal sealed class FindingException : Exception
{
    public FindingException(string message)
        : base(message)
    {
    }

    public FindingException(string message, Exception cause)
        : base(message, cause)
    {
    }

    /// <summary>Refusing is documented; a fault inside the software is not a refusal.</summary>
    public static void ThrowIfInternal(FerryException refusal)
    {
        if (refusal.Code == FerryErrorCode.Internal)
        {
            throw new FindingException(refusal.Message, refusal);
        }
    }
}
