namespace Ferry.Tests.Survival.PowerCut;

/// <summary>
/// What a file system did to its device, in order. A write is logged before it is answered, so whoever has been told that a flush is over
/// finds everything that it was for in front of the flush.
/// </summary>
internal sealed class WriteLog
{
    private readonly Lock gate = new();
    private readonly List<LoggedWrite> writes = [];

    /// <summary>How many writes and flushes there are: the moment, for whoever wants to remember it.</summary>
    public int Position
    {
        get
        {
            lock (gate)
            {
                return writes.Count;
            }
        }
    }

    public void Write(long offset, byte[] bytes) => Add(new LoggedWrite(offset, bytes));

    public void Flush() => Add(new LoggedWrite(0, null));

    /// <summary>Everything up to now.</summary>
    public LoggedWrite[] ToArray()
    {
        lock (gate)
        {
            return [.. writes];
        }
    }

    private void Add(LoggedWrite write)
    {
        lock (gate)
        {
            writes.Add(write);
        }
    }
}

/// <param name="Offset">Where on the device.</param>
/// <param name="Bytes">What; null for a flush.</param>
internal readonly record struct LoggedWrite(long Offset, byte[]? Bytes)
{
    public bool IsFlush => Bytes is null;
}
