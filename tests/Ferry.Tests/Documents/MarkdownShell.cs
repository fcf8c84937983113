using System.Text;

namespace Ferry.Tests.Documents;

/// <summary>
/// The shell commands of a Markdown page as one script. They stand in blocks fenced with <c>```sh</c>; a block below the
/// line <c>&lt;!-- not run: REASON --&gt;</c> is left out.
/// </summary>
internal static class MarkdownShell
{
    private const string NotRun = "<!-- not run:";
    private const string CommentEnd = "-->";

    /// <summary>Ends what the page started. The list goes through a file because in <c>$( )</c> some shells know no jobs.</summary>
    private const string Ending = "trap 'status=$?; set +e; jobs -p > .jobs; for job in $(cat .jobs); do kill $job; done; wait; exit $status' EXIT\n";

    /// <summary>The script is to be run in a directory of its own.</summary>
    public static string ToScript(string markdown)
    {
        string[] lines = markdown.Split('\n');
        var script = new StringBuilder("set -eu\n" + Ending);
        for (int at = 0; at < lines.Length; at++)
        {
            if (lines[at].TrimEnd() == "```sh")
            {
                string comment = at > 0 ? lines[at - 1].Trim() : "";
                string[] commands = [.. lines.Skip(at + 1).TakeWhile(line => line.TrimEnd() != "```")];
                Append(script, comment, at + 1, string.Join('\n', commands));
                at += commands.Length + 1;
            }
        }
        return script.ToString();
    }

    private static void Append(StringBuilder script, string comment, int line, string commands)
    {
        if (!comment.StartsWith(NotRun, StringComparison.Ordinal))
        {
            script.Append("echo 'line ").Append(line).Append("' >&2\n").Append(commands).Append('\n');
        }
        else if (comment.Replace(NotRun, "", StringComparison.Ordinal).Replace(CommentEnd, "", StringComparison.Ordinal).Trim().Length == 0)
        {
            throw new FormatException($"The block at line {line} is not run, and the comment above it does not say why.");
        }
    }
}
