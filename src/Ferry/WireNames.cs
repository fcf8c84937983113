using System.Text;

namespace Ferry;

/// <summary>The names of an enumeration's values on the wire, in JSON and in logs: lower case with hyphens.</summary>
internal static class WireNames<T>
    where T : struct, Enum
{
    private static readonly Dictionary<T, string> Names = Enum.GetValues<T>().ToDictionary(value => value, value => Hyphenate(value.ToString()));
    private static readonly Dictionary<string, T> Values = Names.ToDictionary(pair => pair.Value, pair => pair.Key);

    public static string Of(T value) => Names[value];

    public static bool TryParse(string name, out T value) => Values.TryGetValue(name, out value);

    private static string Hyphenate(string name)
    {
        var text = new StringBuilder(name.Length + 4);
        foreach (char c in name)
        {
            if (char.IsUpper(c) && text.Length > 0)
            {
                text.Append('-');
            }
            text.Append(char.ToLowerInvariant(c));
        }
        return text.ToString();
    }
}
