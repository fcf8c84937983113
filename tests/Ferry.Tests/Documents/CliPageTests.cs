using System.Reflection;
using System.Text.Json;
using System.Text.RegularExpressions;
using Ferry.Cli;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Documents;

/// <summary>docs/cli.md against the command: the same options, defaults, exit codes and fields.</summary>
[Trait("Category", "EndToEnd")]
public sealed partial class CliPageTests
{
    private static readonly string Page = File.ReadAllText(Repository.PathOf("docs", "cli.md"));

    /// <summary>Options that only say something about themselves.</summary>
    private static readonly string[] Switches = ["--json", "--quiet", "--verbose", "--help"];

    [Theory]
    [InlineData("serve")]
    [InlineData("send")]
    [InlineData("partials")]
    [InlineData("demo")]
    public async Task Each_verbs_options_are_those_of_its_help(string verb)
    {
        FerryResult help = await FerryProcess.RunAsync(verb, "--help");

        Assert.Equal(0, help.ExitCode);
        SortedSet<string> inHelp = OptionsIn(HelpOption(), help.Output);
        SortedSet<string> inPage = OptionsIn(TableOption(), Section($"## ferry {verb}"));
        Assert.Equal(inHelp.Except(["--help"]), inPage);
    }

    [Theory]
    [InlineData("serve")]
    [InlineData("send")]
    public async Task Every_option_of_the_help_says_its_default(string verb)
    {
        FerryResult help = await FerryProcess.RunAsync(verb, "--help");

        string[] silent = [.. help.Output.Split('\n').Where(line => HelpOption().IsMatch(line) && !line.Contains("Default: ", StringComparison.Ordinal))];
        Assert.Equal(Switches.Order(), OptionsIn(HelpOption(), string.Join('\n', silent)).Union(["--help"]).Order());
    }

    /// <summary>What stands behind "Default:" in the help stands in the page's row too.</summary>
    [Theory]
    [InlineData("serve")]
    [InlineData("send")]
    public async Task The_page_has_the_defaults_of_the_help(string verb)
    {
        FerryResult help = await FerryProcess.RunAsync(verb, "--help");
        string section = Section($"## ferry {verb}");

        foreach (Match match in HelpDefault().Matches(help.Output).Where(match => !match.Groups["default"].Value.Contains(' ', StringComparison.Ordinal)))
        {
            string row = section.Split('\n').Single(line => line.StartsWith($"| `{match.Groups["option"].Value}", StringComparison.Ordinal));
            Assert.Contains(match.Groups["default"].Value, row, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void The_exit_codes_are_those_of_the_code()
    {
        HashSet<int> code = [.. typeof(ExitCodes).GetFields(BindingFlags.Public | BindingFlags.Static | BindingFlags.NonPublic)
            .Where(field => field.IsLiteral).Select(field => (int)field.GetRawConstantValue()!)];
        HashSet<int> page = [.. ExitCodeRow().Matches(Section("## Exit codes")).Select(match => int.Parse(match.Groups[1].Value))];

        Assert.Equal(code.Order(), page.Order());
    }

    [Fact]
    public void Their_order_is_that_of_the_code()
    {
        int[] order = [.. ExitCodeOrder().Match(Section("## Exit codes")).Groups[1].Value.Split(", ").Select(int.Parse)];

        Assert.Equal(13, order.Length);
        for (int i = 0; i < order.Length; i++)
        {
            Assert.Equal(order[i], ExitCodes.Worst(order[i..].Reverse()));
        }
    }

    [Fact]
    public async Task The_fields_are_those_of_a_receipt_and_of_an_error()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        FerryResult receipt = await FerryProcess.RunAsync("send", "-", "--as", FerryPath.FromBytes([0xFF]), "--at", served.Socket, "--json");
        FerryResult error = await FerryProcess.RunAsync("send", served.Root, "--at", "/nowhere", "--json");

        SortedSet<string> written = [.. FieldsOf(receipt), .. FieldsOf(error)];
        SortedSet<string> page = [.. TableField().Matches(Section("## JSON")).Select(match => match.Groups[1].Value)];
        Assert.Equal(page, written);
    }

    [Fact]
    public void Every_value_of_a_receipts_fields_is_named()
    {
        string section = Section("## JSON") + Section("## Results");
        string[] values =
        [
            .. Enum.GetValues<ReceiptResult>().Select(value => value.WireName()), .. Enum.GetValues<HashCheck>().Select(value => value.WireName()),
            .. Enum.GetValues<Durability>().Select(value => value.WireName()), .. Enum.GetValues<TransferMethod>().Select(value => value.WireName()), "file", "directory",
        ];

        Assert.All(values, value => Assert.Contains($"`{value}`", section, StringComparison.Ordinal));
    }

    private static IEnumerable<string> FieldsOf(FerryResult result) => JsonDocument.Parse(result.Output).RootElement.EnumerateObject().Select(field => field.Name);

    private static SortedSet<string> OptionsIn(Regex option, string text) => new(option.Matches(text).Select(match => match.Groups[1].Value), StringComparer.Ordinal);

    /// <summary>A heading's text up to the next of the same level.</summary>
    private static string Section(string heading)
    {
        int start = Page.IndexOf(heading + "\n", StringComparison.Ordinal);
        Assert.True(start >= 0, $"docs/cli.md has no heading '{heading}'");
        int end = Page.IndexOf("\n## ", start + 1, StringComparison.Ordinal);
        return end < 0 ? Page[start..] : Page[start..end];
    }

    [GeneratedRegex(@"^  (?:-\?, -h, )?(--[a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex HelpOption();

    [GeneratedRegex(@"^  (?<option>--[a-z-]+) .*Default: (?<default>[^;\n]+)", RegexOptions.Multiline)]
    private static partial Regex HelpDefault();

    [GeneratedRegex(@"^\| `(--[a-z-]+)", RegexOptions.Multiline)]
    private static partial Regex TableOption();

    [GeneratedRegex(@"^\| `([a-z_0-9]+)` \|", RegexOptions.Multiline)]
    private static partial Regex TableField();

    [GeneratedRegex(@"^\| (\d+)(?: \+ N)? \|", RegexOptions.Multiline)]
    private static partial Regex ExitCodeRow();

    [GeneratedRegex(@"the order ([\d, ]+\d)")]
    private static partial Regex ExitCodeOrder();
}
