using System.Diagnostics;
using Ferry.Cli.Arguments;
using Spectre.Console;

namespace Ferry.Cli.Output;

/// <summary>Shows how far a delivery has come: a bar on a terminal, a line every 30 seconds elsewhere.</summary>
internal sealed class ProgressDisplay : IProgress<TransferProgress>, IAsyncDisposable
{
    /// <summary>A delivery that is over sooner shows no bar.</summary>
    private static readonly TimeSpan FirstBar = TimeSpan.FromMilliseconds(400);

    private static readonly TimeSpan BarRefresh = TimeSpan.FromMilliseconds(200);
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(30);
    private static readonly TimeSpan LongestTimeLeft = TimeSpan.FromHours(24);

    private const int BarWidth = 20;

    private readonly CancellationTokenSource over = new();
    private readonly Task display;
    private readonly long started = Stopwatch.GetTimestamp();
    private TransferProgress latest;

    private ProgressDisplay(bool terminal) => display = terminal ? ShowBarAsync() : WriteLinesAsync();

    /// <summary>Starts showing; null when nothing is to be shown.</summary>
    public static ProgressDisplay? Start(bool quiet) => quiet ? null : new ProgressDisplay(!Console.IsErrorRedirected);

    public void Report(TransferProgress value) => latest = value;

    public async ValueTask DisposeAsync()
    {
        await over.CancelAsync();
        await display;
        over.Dispose();
    }

    /// <summary>How far it has come, in words: bytes, rate, time left, entries.</summary>
    /// <param name="now">The counts.</param>
    /// <param name="time">Since the start.</param>
    internal static string Describe(TransferProgress now, TimeSpan time)
    {
        double rate = now.BytesSent / Math.Max(time.TotalSeconds, 0.001);
        // Content that is read once has no size before its end.
        bool known = now.BytesFound >= now.BytesSent;
        string bytes = known ? $"{ByteSize.Format(now.BytesSent)} of {ByteSize.Format(now.BytesFound)}" : ByteSize.Format(now.BytesSent);
        double seconds = (now.BytesFound - now.BytesSent) / Math.Max(rate, 1);
        string left = known && seconds < LongestTimeLeft.TotalSeconds ? $", {TimeSpan.FromSeconds(Math.Ceiling(seconds)):h\\:mm\\:ss} left" : "";
        return $"{bytes} sent, {ByteSize.Format(rate)}/s{left}, {now.EntriesDone} of {now.EntriesFound} entries done";
    }

    private string Describe() => Describe(latest, Stopwatch.GetElapsedTime(started));

    private async Task WriteLinesAsync()
    {
        while (await PauseAsync(LineInterval))
        {
            Messages.Write(Describe());
        }
    }

    private async Task ShowBarAsync()
    {
        if (!await PauseAsync(FirstBar))
        {
            return;
        }
        IAnsiConsole console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        Messages.Terminal = console;
        await console.Progress()
            .AutoClear(true)
            .Columns(new ProgressBarColumn { Width = BarWidth }, new TaskDescriptionColumn { Alignment = Justify.Left })
            .StartAsync(async context =>
            {
                ProgressTask task = context.AddTask("sending");
                do
                {
                    TransferProgress now = latest;
                    task.Description = Describe();
                    task.IsIndeterminate = now.BytesFound < now.BytesSent || now.BytesFound == 0;
                    task.MaxValue = Math.Max(now.BytesFound, 1);
                    task.Value = now.BytesSent;
                }
                while (await PauseAsync(BarRefresh));
            });
        Messages.Terminal = null;
    }

    /// <summary>False when the delivery is over.</summary>
    private async Task<bool> PauseAsync(TimeSpan time)
    {
        await Task.Delay(time, over.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        return !over.IsCancellationRequested;
    }
}
