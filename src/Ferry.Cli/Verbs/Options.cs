using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Ferry.Cli.Arguments;
using Ferry.Wire;

namespace Ferry.Cli.Verbs;

/// <summary>Makes the options that verbs share, and those whose values have a form of their own.</summary>
internal static class Options
{
    private static readonly TimeSpan LeastStall = TimeSpan.FromMilliseconds(Greeting.LeastStallMilliseconds);

    /// <param name="forms">The forms of an address that the verb takes.</param>
    public static Option<string?> At(string forms) => new("--at")
    {
        Description = $"Address of the server: {forms}. Default: FERRY_SOCKET, else ferry/ferry.sock in /run (root), XDG_RUNTIME_DIR or /run/user/UID",
        HelpName = "ADDRESS",
    };

    public static Option<bool> Json() => new("--json") { Description = "Write one JSON object a line to standard output" };

    public static Option<bool> Quiet() => new("--quiet") { Description = "Write errors only" };

    public static Option<bool> Verbose() => new("--verbose") { Description = "Write a line for each file" };

    /// <summary>A time, or none, which is the infinite one.</summary>
    public static Option<TimeSpan?> Time(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "TIME",
        CustomParser = result => Parse<TimeSpan?>(result, text => Duration.TryParse(text, out TimeSpan time) ? time : null, "a time such as 500ms, 30s, 5m or 24h, at most 24 days, or none"),
    };

    /// <summary>How long the other side may be silent. It must be told, so there is a least time.</summary>
    public static Option<TimeSpan?> StallTime(string description)
    {
        Option<TimeSpan?> option = Time("--stall-timeout", description);
        option.CustomParser = result => Parse<TimeSpan?>(
            result,
            text => Duration.TryParse(text, out TimeSpan time) && (time == Timeout.InfiniteTimeSpan || time >= LeastStall) ? time : null,
            $"a time such as 30s or 5m, at least {Greeting.LeastStallMilliseconds}ms, or none");
        return option;
    }

    /// <summary>A number of things, at least one.</summary>
    public static Option<int?> Count(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "N",
        CustomParser = result => Parse<int?>(
            result, text => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int count) && count > 0 ? count : null, "a number from 1 on"),
    };

    /// <summary>A size, or none. The value's own null stands for none; an option that is absent has no value at all.</summary>
    public static Option<SizeLimit?> Size(string name, string description) => new(name)
    {
        Description = description,
        HelpName = "SIZE",
        CustomParser = result => Parse(result, text => ByteSize.TryParse(text, out long? bytes) ? new SizeLimit(bytes) : null, "a size such as 100M, 2GB or none, and not 0"),
    };

    /// <summary>A name out of an enumeration, as the wire writes it.</summary>
    public static Option<T?> OneOf<T>(string name, string description)
        where T : struct, Enum => new(name)
        {
            Description = description,
            HelpName = string.Join('|', Enum.GetValues<T>().Select(WireNames<T>.Of)),
            CustomParser = result => Parse<T?>(result, text => WireNames<T>.TryParse(text, out T value) ? value : null,
                "one of " + string.Join(", ", Enum.GetValues<T>().Select(WireNames<T>.Of))),
        };

    /// <summary>Reads an argument's only token, or adds an error that says what was expected.</summary>
    public static T? Parse<T>(ArgumentResult result, Func<string, T?> parse, string expected)
    {
        string text = result.Tokens[^1].Value;
        T? value = parse(text);
        if (value is null)
        {
            string option = result.Parent is OptionResult parent ? parent.Option.Name : result.Argument.Name;
            result.AddError($"{option} '{RawArguments.ToPath(text)}' is not {expected}");
        }
        return value;
    }
}

/// <summary>A limit in bytes; null for none.</summary>
internal sealed record SizeLimit(long? Bytes);
