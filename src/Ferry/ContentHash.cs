using System.IO.Hashing;
using System.Security.Cryptography;

namespace Ferry;

/// <summary>
/// Hashes content as it passes. It finds accidents, not tampering: both sides compute it over the same connection.
/// </summary>
internal abstract class ContentHash : IDisposable
{
    /// <summary>The hash that is used unless a peer lacks it.</summary>
    public const string XxHash = "xxh128";

    /// <summary>Slower, and present in every language's library: every peer names it.</summary>
    public const string Sha256 = "sha256";

    /// <summary>The algorithms known here, the preferred one first.</summary>
    public static IReadOnlyList<string> Algorithms { get; } = [XxHash, Sha256];

    /// <summary>The algorithm's name on the wire and before the colon in a receipt.</summary>
    public abstract string Algorithm { get; }

    /// <summary>The first algorithm on the sender's list that the receiver has too; null when there is none.</summary>
    public static string? Choose(IEnumerable<string> sender, IEnumerable<string> receiver) =>
        sender.FirstOrDefault(name => Algorithms.Contains(name) && receiver.Contains(name));

    /// <summary>Begins a hash by one of <see cref="Algorithms"/>.</summary>
    public static ContentHash Create(string algorithm) => algorithm switch
    {
        XxHash => new XxHashContent(),
        Sha256 => new Sha256Content(),
        _ => throw new ArgumentOutOfRangeException(nameof(algorithm), algorithm, "unknown hash algorithm"),
    };

    /// <summary>The hash of content that is all there.</summary>
    public static byte[] Of(string algorithm, ReadOnlySpan<byte> content)
    {
        if (algorithm == XxHash)
        {
            return XxHash128.Hash(content);
        }
        using ContentHash hash = Create(algorithm);
        hash.Append(content);
        return hash.Finish();
    }

    /// <summary>Bytes of a hash.</summary>
    public static int LengthOf(string algorithm) => algorithm == XxHash ? 16 : SHA256.HashSizeInBytes;

    /// <summary>The text form in receipts: <c>xxh128:HEX</c>, the digits as <c>xxhsum -H2</c> prints them.</summary>
    public static string ToText(string algorithm, ReadOnlySpan<byte> hash) => $"{algorithm}:{Convert.ToHexStringLower(hash)}";

    /// <summary>The bytes in a text form that <see cref="ToText"/> made.</summary>
    public static byte[] BytesOf(string text) => Convert.FromHexString(text.AsSpan(text.IndexOf(':') + 1));

    /// <summary>Whether a text form that <see cref="ToText"/> made is the hash of content.</summary>
    public static bool IsOf(string text, ReadOnlySpan<byte> content) => Of(text[..text.IndexOf(':')], content).AsSpan().SequenceEqual(BytesOf(text));

    /// <summary>Whether a text is a hash as <see cref="ToText"/> makes them.</summary>
    public static bool IsText(string? text)
    {
        int colon = text?.IndexOf(':') ?? -1;
        return colon > 0 && Algorithms.Contains(text![..colon]) && (text.Length - colon) % 2 == 1 && text.Skip(colon + 1).All(char.IsAsciiHexDigitLower);
    }

    public abstract void Append(ReadOnlySpan<byte> content);

    /// <summary>The hash of the content appended so far; more may follow.</summary>
    public abstract byte[] Current();

    /// <summary>The hash of all content appended; nothing is appended after it.</summary>
    public abstract byte[] Finish();

    public virtual void Dispose()
    {
    }

    private sealed class XxHashContent : ContentHash
    {
        private readonly XxHash128 hash = new();

        public override string Algorithm => XxHash;

        public override void Append(ReadOnlySpan<byte> content) => hash.Append(content);

        public override byte[] Current() => hash.GetCurrentHash();

        public override byte[] Finish() => hash.GetCurrentHash();
    }

    private sealed class Sha256Content : ContentHash
    {
        private readonly IncrementalHash hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);

        public override string Algorithm => Sha256;

        public override void Append(ReadOnlySpan<byte> content) => hash.AppendData(content);

        public override byte[] Current() => hash.GetCurrentHash();

        public override byte[] Finish() => hash.GetHashAndReset();

        public override void Dispose()
        {
            hash.Dispose();
            base.Dispose();
        }
    }
}
