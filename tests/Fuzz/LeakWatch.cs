namespace Ferry.Fuzz;

/// <summary>Looks now and then whether memory or descriptors have grown since the beginning: what one input leaves behind shows after many.</summary>
internal sealed class LeakWatch
{
    private const int Interval = 5_000;
    private const long MostMemory = 64 << 20;
    private const int MostDescriptors = 50;

    private readonly string descriptors = "/proc/self/fd";
    private int runs;
    private long firstMemory;
    private int firstDescriptors;

    /// <summary>To be called after each input.</summary>
    /// <exception cref="FindingException">Something has grown.</exception>
    public void Check()
    {
        if (++runs % Interval != 0)
        {
            return;
        }
        long memory = GC.GetTotalMemory(forceFullCollection: true);
        int open = Directory.GetFileSystemEntries(descriptors).Length;
        if (runs == Interval)
        {
            (firstMemory, firstDescriptors) = (memory, open);
        }
        else if (memory > firstMemory + MostMemory || open > firstDescriptors + MostDescriptors)
        {
            throw new FindingException($"after {runs} inputs {memory} bytes and {open} descriptors are in use; after {Interval} it was {firstMemory} and {firstDescriptors}");
        }
    }
}
