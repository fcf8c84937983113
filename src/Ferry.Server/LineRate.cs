namespace Ferry.Server;

/// <summary>Lets log lines through up to a rate that a person can follow, and counts the rest: one call a second says how many.</summary>
internal sealed class LineRate(TimeProvider time, Action<int> logCount) : IDisposable
{
    private const int MostLinesPerSecond = 20;

    private readonly Lock gate = new();
    private ITimer? counting;
    private long second;
    private int lines;
    private int left;

    /// <summary>True when the line may be written; else it is counted.</summary>
    public bool MayLog()
    {
        lock (gate)
        {
            long now = time.GetTimestamp() / time.TimestampFrequency;
            if (now != second)
            {
                (second, lines) = (now, 0);
            }
            if (++lines <= MostLinesPerSecond)
            {
                return true;
            }
            left++;
            counting ??= time.CreateTimer(_ => LogCount(), null, TimeSpan.FromSeconds(1), Timeout.InfiniteTimeSpan);
            return false;
        }
    }

    /// <summary>Says at once how many were left out.</summary>
    public void Dispose() => LogCount();

    private void LogCount()
    {
        int count;
        lock (gate)
        {
            (count, left) = (left, 0);
            counting?.Dispose();
            counting = null;
        }
        if (count > 0)
        {
            logCount(count);
        }
    }
}
