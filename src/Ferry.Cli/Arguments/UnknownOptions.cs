using System.CommandLine;
using System.CommandLine.Parsing;

namespace Ferry.Cli.Arguments;

/// <summary>Finds what looks like an option and would be taken for a path: <c>ferry send a --quite</c> must not send a file of that name.</summary>
internal static class UnknownOptions
{
    /// <summary>The words that begin with a hyphen, stand where a path may stand, and have no <c>--</c> before them.</summary>
    public static IEnumerable<string> Find(ParseResult parsed)
    {
        // The same word may stand on both sides of the --, so it is the token itself that counts.
        HashSet<object> paths = new(parsed.Tokens.SkipWhile(token => token.Type != TokenType.DoubleDash), ReferenceEqualityComparer.Instance);
        return parsed.CommandResult.Children
            .OfType<ArgumentResult>()
            .SelectMany(argument => argument.Tokens)
            .Where(token => token.Value.Length > 1 && token.Value[0] == '-' && !paths.Contains(token))
            .Select(token => token.Value);
    }
}
