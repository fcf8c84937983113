using System.Text.RegularExpressions;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Documents;

/// <summary>Every relative link of the pages leads to a file, and to a heading in it where it names one.</summary>
public sealed partial class LinkTests
{
    public static TheoryData<string> Pages =>
    [
        "README.md", "CONTRIBUTING.md", "CHANGELOG.md", .. Directory.GetFiles(Repository.PathOf("docs"), "*.md").Select(path => $"docs/{Path.GetFileName(path)}").Order(),
    ];

    [Theory]
    [MemberData(nameof(Pages))]
    public void It_leads_somewhere(string page)
    {
        string path = Repository.PathOf(page);
        string[] broken =
        [
            .. Link().Matches(WithoutCode(File.ReadAllText(path)))
                .Select(match => match.Groups[1].Value)
                .Where(target => !target.Contains("://", StringComparison.Ordinal) && !LeadsSomewhere(path, target)),
        ];

        Assert.Empty(broken);
    }

    [Fact]
    public void A_heading_is_found_as_hosts_of_Markdown_name_it()
    {
        Assert.Equal(["the-plain-protocol", "ferry-serve", "exit-codes-0-to-14", "the-plain-protocol-1"], AnchorsOf("# The plain protocol\n## `ferry serve`\n### Exit codes, 0 to 14\n```sh\n# no heading\n```\n## The plain protocol\n"));
    }

    private static bool LeadsSomewhere(string page, string target)
    {
        string[] parts = target.Split('#', 2);
        string file = parts[0].Length == 0 ? page : Path.GetFullPath(parts[0], Path.GetDirectoryName(page)!);
        return parts.Length == 1 ? File.Exists(file) || Directory.Exists(file) : File.Exists(file) && AnchorsOf(File.ReadAllText(file)).Contains(parts[1]);
    }

    private static List<string> AnchorsOf(string markdown)
    {
        List<string> anchors = [];
        foreach (Match heading in Heading().Matches(WithoutCode(markdown)))
        {
            string anchor = NotInAnchor().Replace(heading.Groups[1].Value.Trim().ToLowerInvariant(), "").Replace(' ', '-');
            int before = anchors.Count(other => other == anchor || Regex.IsMatch(other, $"^{Regex.Escape(anchor)}-\\d+$"));
            anchors.Add(before == 0 ? anchor : $"{anchor}-{before}");
        }
        return anchors;
    }

    private static string WithoutCode(string markdown) => CodeBlock().Replace(markdown, "");

    [GeneratedRegex(@"^```.*?^```$", RegexOptions.Multiline | RegexOptions.Singleline)]
    private static partial Regex CodeBlock();

    [GeneratedRegex(@"\]\(([^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^#+ (.+)$", RegexOptions.Multiline)]
    private static partial Regex Heading();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchor();
}
