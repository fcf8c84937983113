using Xunit;

namespace Ferry.Tests.Survival;

/// <summary>How much is proved: a sample in <c>./test</c>, everything in <c>tests/prove</c>, which sets FERRY_PROVE to the file that collects the figures.</summary>
internal static class Prove
{
    private static readonly Lock Gate = new();
    private static readonly string? Report = Environment.GetEnvironmentVariable("FERRY_PROVE");

    public static bool Everything => !string.IsNullOrEmpty(Report);

    /// <summary>Says what was done.</summary>
    public static void Note(string text)
    {
        TestContext.Current.TestOutputHelper?.WriteLine(text);
        if (Everything)
        {
            lock (Gate)
            {
                File.AppendAllText(Report!, text + "\n");
            }
        }
    }

    /// <summary>How often each occurs, the most frequent first.</summary>
    public static string Count(IEnumerable<string> names) =>
        string.Join(", ", names.CountBy(name => name).OrderByDescending(pair => pair.Value).ThenBy(pair => pair.Key, StringComparer.Ordinal).Select(pair => $"{pair.Key} {pair.Value}"));
}
