using System.Globalization;
using System.Text.RegularExpressions;

namespace Ferry.Tests.Support;

/// <summary>One system call that strace saw, with the paths of its descriptors (<c>-y</c>).</summary>
/// <param name="Name">Of the call.</param>
/// <param name="Arguments">As strace prints them.</param>
/// <param name="Result">What stands behind the equals sign; empty when the process ended first.</param>
/// <param name="Began">When it began: a call that ended before another began has the smaller number.</param>
/// <param name="Ended">When it ended.</param>
internal sealed partial record TracedCall(string Name, string Arguments, string Result, int Began, int Ended)
{
    private IReadOnlyList<(string Descriptor, string Path)>? descriptors;
    private IReadOnlyList<byte[]>? strings;

    /// <summary>What it returned; null when that is no number.</summary>
    public long? Value => long.TryParse(Result.Split(' ', '<')[0], CultureInfo.InvariantCulture, out long value) ? value : null;

    public bool Succeeded => Value >= 0;

    /// <summary>The descriptors among the arguments, with what is open there.</summary>
    public IReadOnlyList<(string Descriptor, string Path)> Descriptors => descriptors ??=
        [.. Parts().Matches(Arguments).Where(part => part.Groups["path"].Success).Select(part => (part.Groups["descriptor"].Value, Text(part.Groups["path"].Value)))];

    /// <summary>The strings among the arguments.</summary>
    public IReadOnlyList<byte[]> Strings => strings ??=
        [.. Parts().Matches(Arguments).Where(part => part.Groups["string"].Success).Select(part => Unescape(part.Groups["string"].Value))];

    /// <summary>What the first descriptor stands for.</summary>
    public string? Path => Descriptors.Count > 0 ? Descriptors[0].Path : null;

    /// <summary>What the call opened.</summary>
    public string? Opened => Parts().Match(Result) is { Success: true } part && part.Groups["path"].Success ? Text(part.Groups["path"].Value) : null;

    /// <summary>The path that one of several pairs of directory and name stands for.</summary>
    public string NamedPath(int pair) =>
        System.IO.Path.Combine(Descriptors[pair].Path, System.Text.Encoding.UTF8.GetString(Strings[pair]));

    public override string ToString() => $"{Name}({Shortened(Arguments)}) = {Result} [{Began} to {Ended}]";

    /// <summary>Reads what strace wrote; calls of several threads overlap in it.</summary>
    public static List<TracedCall> Parse(IReadOnlyList<string> lines)
    {
        List<TracedCall> calls = [];
        Dictionary<string, (string Name, string Arguments, int Began)> unfinished = [];
        for (int at = 0; at < lines.Count; at++)
        {
            if (Begun().Match(lines[at]) is { Success: true } begun)
            {
                unfinished[begun.Groups["thread"].Value] = (begun.Groups["name"].Value, begun.Groups["arguments"].Value, at);
            }
            else if (Resumed().Match(lines[at]) is { Success: true } resumed && unfinished.Remove(resumed.Groups["thread"].Value, out var beginning))
            {
                calls.Add(new(beginning.Name, beginning.Arguments + resumed.Groups["arguments"].Value, resumed.Groups["result"].Value, beginning.Began, at));
            }
            else if (Whole().Match(lines[at]) is { Success: true } whole)
            {
                calls.Add(new(whole.Groups["name"].Value, whole.Groups["arguments"].Value, whole.Groups["result"].Value, at, at));
            }
        }
        calls.AddRange(unfinished.Values.Select(call => new TracedCall(call.Name, call.Arguments, "", call.Began, lines.Count)));
        return calls;
    }

    private static string Text(string escaped) => System.Text.Encoding.UTF8.GetString(Unescape(escaped));

    private static byte[] Unescape(string text)
    {
        List<byte> bytes = new(text.Length);
        for (int at = 0; at < text.Length; at++)
        {
            if (text[at] != '\\')
            {
                bytes.Add((byte)text[at]);
                continue;
            }
            char kind = text[++at];
            if (kind == 'x')
            {
                bytes.Add(Convert.ToByte(text.Substring(at + 1, 2), 16));
                at += 2;
            }
            else if (kind is >= '0' and <= '7')
            {
                int end = at + 1;
                while (end < text.Length && end < at + 3 && text[end] is >= '0' and <= '7')
                {
                    end++;
                }
                bytes.Add(Convert.ToByte(text[at..end], 8));
                at = end - 1;
            }
            else
            {
                bytes.Add(kind switch { 'n' => 10, 't' => 9, 'r' => 13, 'v' => 11, 'f' => 12, _ => (byte)kind });
            }
        }
        return [.. bytes];
    }

    private static string Shortened(string text) => text.Length <= 300 ? text : text[..300] + "...";

    [GeneratedRegex("""^(?<thread>\d+) +(?<name>\w+)\((?<arguments>.*) <unfinished \.\.\.>$""", RegexOptions.Singleline)]
    private static partial Regex Begun();

    [GeneratedRegex("""^(?<thread>\d+) +<\.\.\. \w+ resumed>(?<arguments>.*)\) += (?<result>[^=]*)$""", RegexOptions.Singleline)]
    private static partial Regex Resumed();

    [GeneratedRegex("""^\d+ +(?<name>\w+)\((?<arguments>.*)\) += (?<result>[^=]*)$""", RegexOptions.Singleline)]
    private static partial Regex Whole();

    [GeneratedRegex(""" "(?<string>(?:[^"\\]|\\.)*)"|(?<descriptor>AT_FDCWD|\d+)<(?<path>[^>]*)> """, RegexOptions.Singleline | RegexOptions.IgnorePatternWhitespace)]
    private static partial Regex Parts();
}
