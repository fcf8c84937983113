using System.Diagnostics.CodeAnalysis;
using System.Text;

namespace Ferry;

/// <summary>
/// A file name or path as the kernel sees it: bytes, not necessarily UTF-8. Converts implicitly from
/// <see cref="string"/>, which is encoded as UTF-8.
/// </summary>
/// <remarks>
/// <see cref="ToString"/> gives the form shown to people, with control characters and bytes that are not UTF-8
/// escaped; it is not a path that can be opened. Use <see cref="Bytes"/> for that.
/// </remarks>
public readonly struct FerryPath : IEquatable<FerryPath>
{
    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    private readonly byte[]? bytes;

    private FerryPath(byte[] bytes) => this.bytes = bytes;

    /// <summary>The bytes of the path, without a terminating NUL.</summary>
    public ReadOnlySpan<byte> Bytes => bytes;

    /// <summary>True when the path has no bytes.</summary>
    public bool IsEmpty => bytes is null || bytes.Length == 0;

    /// <summary>Makes a path from a copy of the given bytes.</summary>
    public static FerryPath FromBytes(ReadOnlySpan<byte> bytes) => new(bytes.ToArray());

    /// <summary>Makes a path from a string, encoded as UTF-8.</summary>
    /// <exception cref="ArgumentException">The string holds an unpaired surrogate and so has no UTF-8 form.</exception>
    public static FerryPath FromString(string path)
    {
        ArgumentNullException.ThrowIfNull(path);
        return new(Utf8.GetBytes(path));
    }

    /// <summary>Makes a path from a string, as <see cref="FromString"/> does.</summary>
    public static implicit operator FerryPath(string path) => FromString(path);

    /// <summary>Gives the path as a string, when its bytes are UTF-8.</summary>
    public bool TryGetString([NotNullWhen(true)] out string? path)
    {
        try
        {
            path = Utf8.GetString(Bytes);
            return true;
        }
        catch (DecoderFallbackException)
        {
            path = null;
            return false;
        }
    }

    /// <summary>The path as it may be shown on a terminal or written to a log; see <see cref="EscapedText"/>.</summary>
    public override string ToString() => EscapedText.FromBytes(Bytes);

    /// <inheritdoc/>
    public bool Equals(FerryPath other) => Bytes.SequenceEqual(other.Bytes);

    /// <inheritdoc/>
    public override bool Equals(object? obj) => obj is FerryPath other && Equals(other);

    /// <inheritdoc/>
    public override int GetHashCode()
    {
        var hash = new HashCode();
        hash.AddBytes(Bytes);
        return hash.ToHashCode();
    }

    /// <summary>True when both paths have the same bytes.</summary>
    public static bool operator ==(FerryPath left, FerryPath right) => left.Equals(right);

    /// <summary>True when the paths differ in at least one byte.</summary>
    public static bool operator !=(FerryPath left, FerryPath right) => !left.Equals(right);
}
