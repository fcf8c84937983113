namespace Ferry;

/// <summary>Which protocol is spoken at an address.</summary>
public enum FerryScheme
{
    /// <summary>Ferry's native protocol over a Unix stream socket (<c>unix:PATH</c>, or just <c>PATH</c>).</summary>
    Unix,
    /// <summary>The plain protocol of the study over a Unix stream socket (<c>plain:PATH</c>).</summary>
    Plain,
}

/// <summary>
/// Where a server listens: <c>PATH</c> or <c>SCHEME:REST</c>. A path with a colon before its first slash is written
/// <c>./a:b</c>. Converts implicitly from <see cref="string"/>.
/// </summary>
/// <param name="Scheme">The protocol.</param>
/// <param name="Path">The path of the socket file.</param>
public sealed record FerryAddress(FerryScheme Scheme, FerryPath Path)
{
    private const string KnownSchemes = "unix:PATH and plain:PATH";

    /// <summary>Reads an address.</summary>
    /// <exception cref="FerryException">The scheme is unknown or the path empty (<see cref="FerryErrorCode.Usage"/>).</exception>
    public static FerryAddress Parse(FerryPath text)
    {
        ReadOnlySpan<byte> bytes = text.Bytes;
        int colon = bytes.IndexOf((byte)':');
        int slash = bytes.IndexOf((byte)'/');
        if (colon < 0 || (slash >= 0 && slash < colon))
        {
            return WithPath(FerryScheme.Unix, text);
        }
        FerryPath rest = FerryPath.FromBytes(bytes[(colon + 1)..]);
        FerryPath scheme = FerryPath.FromBytes(bytes[..colon]);
        return scheme.ToString() switch
        {
            "unix" => WithPath(FerryScheme.Unix, rest),
            "plain" => WithPath(FerryScheme.Plain, rest),
            string unknown => throw new FerryException(FerryErrorCode.Usage,
                $"'{text}' names the unknown scheme '{unknown}': known are {KnownSchemes}; a socket whose name holds a colon is written ./{text}"),
        };
    }

    /// <summary>Reads an address, as <see cref="Parse"/> does.</summary>
    public static implicit operator FerryAddress(string text) => Parse(text);

    /// <summary>The address in the form that <see cref="Parse"/> reads, escaped for people.</summary>
    public override string ToString() => Scheme == FerryScheme.Plain ? $"plain:{Path}" : Path.ToString();

    private static FerryAddress WithPath(FerryScheme scheme, FerryPath path) => path.IsEmpty
        ? throw new FerryException(FerryErrorCode.Usage, "the address names no socket: give a path, or one of " + KnownSchemes)
        : new FerryAddress(scheme, path);
}
