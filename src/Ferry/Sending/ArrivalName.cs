namespace Ferry.Sending;

/// <summary>The name that something arrives under.</summary>
internal static class ArrivalName
{
    private const int MostJobs = 64;

    /// <summary>Refuses options that do not go together or are out of range.</summary>
    public static void Check(SendOptions options)
    {
        if (options.Into is not null && options.As is not null)
        {
            throw new FerryException(FerryErrorCode.Usage, "Into and As do not go together: Into names a directory to put things in, As names the result");
        }
        if (options.Atomic && options.As is { } name && ForAs(name).IsEmpty)
        {
            throw new FerryException(FerryErrorCode.Usage, "the served directory itself cannot be replaced: an atomic directory needs a name, which As . does not give");
        }
        if (options.DeliveryKey is "")
        {
            throw new FerryException(FerryErrorCode.Usage, "DeliveryKey is empty; give a text, or null for none");
        }
        if (options.Jobs is < 1 or > MostJobs)
        {
            throw new FerryException(FerryErrorCode.Usage, $"Jobs is {options.Jobs}; give 1 to {MostJobs}");
        }
    }

    /// <summary>A name inside the directory that <see cref="SendOptions.Into"/> names.</summary>
    public static FerryPath For(FerryPath name, FerryPath? into)
    {
        FerryPath directory = into is { } given ? WithoutTrailingSlashes(given) : default;
        return directory.IsEmpty || directory.Bytes.SequenceEqual("."u8)
            ? name
            : FerryPath.FromBytes([.. directory.Bytes, (byte)'/', .. name.Bytes]);
    }

    /// <summary>What <see cref="SendOptions.As"/> names; empty, which stands for the served directory, for <c>.</c></summary>
    public static FerryPath ForAs(FerryPath name)
    {
        FerryPath trimmed = WithoutTrailingSlashes(name);
        return trimmed.Bytes.SequenceEqual("."u8) ? default : trimmed;
    }

    private static FerryPath WithoutTrailingSlashes(FerryPath path) => FerryPath.FromBytes(path.Bytes.TrimEnd((byte)'/'));
}
