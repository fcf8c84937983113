using System.Globalization;
using System.Text;

namespace Ferry.Server.Storage;

/// <summary>The names beside a taken one: <c>a.txt</c> is followed by <c>a.1.txt</c>, <c>notes</c> by <c>notes.1</c>.</summary>
internal static class NumberedName
{
    /// <summary>How many may be stored beside a name.</summary>
    public const int Highest = 100_000;

    /// <summary>Puts a number behind a directory's name, which has no extension: <c>v1.2</c> is followed by <c>v1.2.1</c>.</summary>
    public static byte[] MakeForDirectory(ReadOnlySpan<byte> name, int number) =>
        [.. name, .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".{number}"))];

    /// <summary>Puts a number before the last extension. A dot in front of a name begins no extension.</summary>
    public static byte[] Make(ReadOnlySpan<byte> name, int number)
    {
        int dot = name.LastIndexOf((byte)'.');
        int stem = dot > 0 ? dot : name.Length;
        return [.. name[..stem], .. Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $".{number}")), .. name[stem..]];
    }
}
