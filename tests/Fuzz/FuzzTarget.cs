namespace Ferry.Fuzz;

/// <summary>Something that takes bytes from a stranger. It may refuse them as documented; whatever else happens is an exception from <see cref="Run"/>, and a finding.</summary>
internal abstract class FuzzTarget : IDisposable
{
    /// <summary>Inputs are cut here: longer ones find nothing that these do not.</summary>
    public const int MostBytes = 96 * 1024;

    /// <summary>Far more than any answer to so few bytes needs.</summary>
    private const long MostAllocated = 64 << 20;

    /// <summary>Takes one input.</summary>
    /// <exception cref="FindingException">What must not happen has happened.</exception>
    public void Run(ReadOnlySpan<byte> input)
    {
        byte[] bytes = input[..Math.Min(input.Length, MostBytes)].ToArray();
        long before = GC.GetTotalAllocatedBytes();
        Take(bytes);
        if (GC.GetTotalAllocatedBytes() - before is var allocated and > MostAllocated)
        {
            throw new FindingException($"{bytes.Length} bytes of input made it allocate {allocated} bytes");
        }
    }

    /// <summary>Inputs from which a fuzzer can begin: what truthful peers say.</summary>
    public abstract IEnumerable<(string Name, byte[] Bytes)> Seeds();

    public abstract void Dispose();

    protected abstract void Take(byte[] input);
}
