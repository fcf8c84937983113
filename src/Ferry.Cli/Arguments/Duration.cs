using System.Globalization;

namespace Ferry.Cli.Arguments;

/// <summary>Times as people write them: 500ms, 30s, 5m, 24h.</summary>
internal static class Duration
{
    /// <summary>Reads a time, or <c>none</c> as the infinite one.</summary>
    /// <returns>False when the text is no time, or has no unit.</returns>
    public static bool TryParse(string text, out TimeSpan time)
    {
        time = Timeout.InfiniteTimeSpan;
        if (text == "none")
        {
            return true;
        }
        int digits = text.TakeWhile(c => char.IsAsciiDigit(c) || c == '.').Count();
        double? milliseconds = text[digits..] switch
        {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            _ => null,
        };
        if (milliseconds is not { } unit
            || !double.TryParse(text.AsSpan(0, digits), NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out double number)
            || number * unit > int.MaxValue)
        {
            return false;
        }
        time = TimeSpan.FromMilliseconds(number * unit);
        return true;
    }
}
