using System.Globalization;
using Ferry.Cli.Arguments;
using Ferry.Cli.Output;
using Ferry.Server.Storage;
using Spectre.Console;

namespace Ferry.Cli.Verbs;

/// <summary>One run of <c>ferry partials</c>. It needs no server, and disturbs none.</summary>
internal sealed class PartialsRun
{
    /// <summary>Wider than any row: what reads the table is mostly no terminal.</summary>
    private const int MostWidth = 4096;

    private static readonly string[] Columns = ["name", "there", "of", "user", "written", "state"];

    public required FerryPath Directory { get; init; }

    public required IReadOnlyCollection<FerryPath> Names { get; init; }

    public bool Remove { get; init; }

    public bool Json { get; init; }

    /// <summary>The exit code.</summary>
    public int Run()
    {
        try
        {
            List<PartialListing> partials = Remove ? PartialListing.Remove(Directory, IsWanted) : PartialListing.Read(Directory).FindAll(IsWanted);
            partials.Sort((a, b) => a.LastWrite.CompareTo(b.LastWrite));
            Write(partials);
            return ExitCodes.Success;
        }
        catch (FerryException e)
        {
            Messages.Error(e, Json);
            return ExitCodes.OfDirectory(e.Code);
        }
    }

    private bool IsWanted(PartialListing partial) => Names.Count == 0 || Names.Contains(partial.Record.Name);

    private void Write(List<PartialListing> partials)
    {
        if (Json)
        {
            partials.ForEach(JsonLine.Write);
        }
        else if (partials.Count > 0)
        {
            WriteTable(partials);
        }
        if (Remove || (partials.Count == 0 && !Json))
        {
            Messages.Write(partials.Count == 0 ? "nothing waits to be gone on with" : $"removed {partials.Count}, {ByteSize.Format(partials.Sum(partial => partial.Length))}");
        }
    }

    private static void WriteTable(List<PartialListing> partials)
    {
        var table = new Table { Border = TableBorder.None };
        foreach (string column in Columns)
        {
            table.AddColumn(new TableColumn(column) { NoWrap = true, Padding = new Padding(0, 0, 2, 0) });
        }
        foreach (PartialListing partial in partials)
        {
            string[] cells =
            [
                partial.Record.Name.ToString(),
                ByteSize.Format(partial.Length),
                ByteSize.Format(partial.Record.Size),
                partial.Record.User.ToString(CultureInfo.InvariantCulture),
                Ago(DateTimeOffset.UtcNow - partial.LastWrite),
                partial.IsArriving ? "arriving" : "waiting",
            ];
            table.AddRow([.. cells.Select(cell => Markup.Escape(cell.Replace(' ', '\u00A0')))]);
        }
        IAnsiConsole console = AnsiConsole.Console;
        console.Profile.Width = MostWidth;
        console.Write(table);
    }

    private static string Ago(TimeSpan age)
    {
        (double number, string unit) = age switch
        {
            { TotalMinutes: < 1 } => (Math.Max(age.TotalSeconds, 0), "s"),
            { TotalHours: < 1 } => (age.TotalMinutes, "min"),
            { TotalDays: < 2 } => (age.TotalHours, "h"),
            _ => (age.TotalDays, "days"),
        };
        return string.Create(CultureInfo.InvariantCulture, $"{number:0} {unit} ago");
    }
}
