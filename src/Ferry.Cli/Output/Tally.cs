using System.Diagnostics;
using System.Globalization;

namespace Ferry.Cli.Output;

/// <summary>Counts what became of the entries and says it in one line.</summary>
internal sealed class Tally
{
    private readonly long started = Stopwatch.GetTimestamp();
    private readonly Dictionary<ReceiptResult, int> results = [];
    private readonly HashSet<int> exitCodes = [];
    private Sum stored;

    /// <summary>What arrived in atomic directories; stored when all those are.</summary>
    private Sum held;
    private long resumed;
    private Durability? lowest;

    /// <summary>The exit code for everything counted so far.</summary>
    public int ExitCode => ExitCodes.Worst(exitCodes);

    /// <summary>True when there is anything to sum up.</summary>
    public bool HasEntries => results.Count > 0;

    public void Add(Receipt receipt)
    {
        results[receipt.Result] = results.GetValueOrDefault(receipt.Result) + 1;
        exitCodes.Add(ExitCodes.Of(receipt));
        if (ExitCodes.Of(receipt) != ExitCodes.Success)
        {
            return;
        }
        resumed += receipt.ResumedFrom ?? 0;
        if (receipt.Result == ReceiptResult.Held)
        {
            held = held.With(receipt);
        }
        else
        {
            stored = stored.With(receipt);
        }
        if (receipt.Level is { } level && (lowest is null || level < lowest))
        {
            lowest = level;
        }
    }

    /// <summary>Counts a failure that is no entry's.</summary>
    public void Add(int exitCode) => exitCodes.Add(exitCode);

    public override string ToString()
    {
        double seconds = Stopwatch.GetElapsedTime(started).TotalSeconds;
        bool confirmed = !results.ContainsKey(ReceiptResult.Sent);
        string verb = confirmed ? "stored" : "sent, not confirmed:";
        bool allStored = ExitCode == ExitCodes.Success;
        (int files, int directories, long bytes) = allStored ? stored.And(held) : stored;
        string folders = directories == 0 ? "" : directories == 1 ? " and 1 directory" : $" and {directories} directories";
        string level = lowest is { } known ? $", {known.WireName()}" : "";
        string text = string.Create(CultureInfo.InvariantCulture,
            $"{verb} {files} {(files == 1 ? "file" : "files")}{folders}, {ByteSizeText(bytes)} in {seconds:0.00} s ({ByteSizeText(bytes / Math.Max(seconds, 0.001))}/s){level}");
        IEnumerable<string> rest = results
            .Where(pair => ExitCodes.Of(pair.Key) != ExitCodes.Success || (pair.Key == ReceiptResult.Held && !allStored))
            .OrderBy(pair => pair.Key)
            .Select(pair => $"{pair.Key.WireName()} {pair.Value}");
        string[] earlier = resumed > 0 ? [$"{ByteSizeText(resumed)} had arrived earlier"] : [];
        return string.Join("; ", [text, .. earlier, .. rest]);
    }

    private static string ByteSizeText(double count) => Arguments.ByteSize.Format(count);

    private readonly record struct Sum(int Files, int Directories, long Bytes)
    {
        public Sum With(Receipt receipt) => receipt.Kind == EntryKind.Directory
            ? this with { Directories = Directories + 1 }
            : this with { Files = Files + 1, Bytes = Bytes + receipt.Size };

        public Sum And(Sum other) => new(Files + other.Files, Directories + other.Directories, Bytes + other.Bytes);
    }
}
