using System.Globalization;

namespace Ferry.Cli.Arguments;

/// <summary>Sizes as people write them: K, M, G, T are powers of 1024, KB, MB, GB, TB powers of 1000.</summary>
internal static class ByteSize
{
    private static readonly string[] Units = ["K", "M", "G", "T"];

    /// <summary>Reads a size, or <c>none</c> as null.</summary>
    /// <returns>False when the text is no size, is zero, or does not fit.</returns>
    public static bool TryParse(string text, out long? bytes)
    {
        bytes = null;
        if (text == "none")
        {
            return true;
        }
        int digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        if (Factor(text[digits..]) is not { } factor
            || !decimal.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out decimal number)
            || number <= 0
            || number > long.MaxValue / factor)
        {
            return false;
        }
        bytes = (long)(number * factor);
        return true;
    }

    /// <summary>A size for people: <c>1.5 MB</c>, in powers of 1000.</summary>
    public static string Format(double bytes)
    {
        int unit = 0;
        while (bytes >= 999.5 && unit < Units.Length)
        {
            bytes /= 1000;
            unit++;
        }
        string name = unit == 0 ? "B" : Units[unit - 1] + "B";
        return bytes.ToString(unit == 0 || bytes >= 99.95 ? "0" : "0.0", CultureInfo.InvariantCulture) + " " + name;
    }

    private static long? Factor(string unit)
    {
        if (unit.Length == 0 || unit == "B")
        {
            return 1;
        }
        bool thousand = unit.Length == 2 && unit[1] == 'B';
        int power = Array.IndexOf(Units, unit[..1]) + 1;
        return power == 0 || (unit.Length > 1 && !thousand) ? null : (long)Math.Pow(thousand ? 1000 : 1024, power);
    }
}
