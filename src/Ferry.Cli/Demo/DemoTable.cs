using System.Globalization;
using Ferry.Cli.Arguments;
using Spectre.Console;

namespace Ferry.Cli.Demo;

/// <summary>The demo's table of what arrived.</summary>
internal static class DemoTable
{
    /// <summary>Wider than any row: a terminal that is narrower folds lines, which are still whole when they go into a file.</summary>
    private const int MostWidth = 400;

    private static readonly string[] Columns = ["name", "size", "time", "rate", "hash", "level", "byte for byte"];

    public static void Write(IEnumerable<DemoRow> rows)
    {
        var table = new Table { Border = TableBorder.Simple };
        foreach (string column in Columns)
        {
            table.AddColumn(new TableColumn(column) { NoWrap = true, Padding = new Padding(0, 0, 1, 0) });
        }
        foreach (DemoRow row in rows)
        {
            string[] cells =
            [
                row.Name,
                ByteSize.Format(row.Size),
                string.Create(CultureInfo.InvariantCulture, $"{row.Time.TotalSeconds:0.00} s"),
                ByteSize.Format(row.Size / row.Time.TotalSeconds) + "/s",
                row.Hash,
                row.Level,
                row.Compared.Difference is { } difference ? $"DIFFERS: {difference}" : $"{row.Compared.Files} the same",
            ];
            // A space that does not break keeps a number beside its unit.
            table.AddRow([.. cells.Select(cell => Markup.Escape(cell.Replace(' ', '\u00A0')))]);
        }
        IAnsiConsole console = AnsiConsole.Console;
        console.Profile.Width = MostWidth;
        console.WriteLine();
        console.Write(table);
    }
}
