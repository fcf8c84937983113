namespace Ferry.Sending;

/// <summary>Counts what was found and sent, and reports it at most ten times a second and once at the end.</summary>
internal sealed class ProgressCounter(IProgress<TransferProgress>? progress)
{
    private const int ReportMilliseconds = 100;

    private long bytesSent;
    private long bytesFound;
    private long entriesDone;
    private long entriesFound;
    private long lastReport = Environment.TickCount64;

    public void Found(long bytes)
    {
        Interlocked.Increment(ref entriesFound);
        Interlocked.Add(ref bytesFound, bytes);
    }

    public void Sent(long bytes)
    {
        Interlocked.Add(ref bytesSent, bytes);
        ReportIfDue();
    }

    public void Done()
    {
        Interlocked.Increment(ref entriesDone);
        ReportIfDue();
    }

    public void Report() => progress?.Report(new TransferProgress(
        Interlocked.Read(ref bytesSent), Interlocked.Read(ref bytesFound), Interlocked.Read(ref entriesDone), Interlocked.Read(ref entriesFound)));

    private void ReportIfDue()
    {
        long last = Interlocked.Read(ref lastReport);
        long now = Environment.TickCount64;
        if (progress is not null && now - last >= ReportMilliseconds && Interlocked.CompareExchange(ref lastReport, now, last) == last)
        {
            Report();
        }
    }
}
