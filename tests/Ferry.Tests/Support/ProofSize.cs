namespace Ferry.Tests.Support;

/// <summary>Proofs that try every place take minutes; the ordinary tests take a sample, spread evenly. Where FERRY_PROVE is set they try every one.</summary>
internal static class ProofSize
{
    public static bool IsFull => Environment.GetEnvironmentVariable("FERRY_PROVE") is { Length: > 0 };

    /// <summary>Numbers from 0 to one less than <paramref name="total"/>: all of them, or a sample with both ends.</summary>
    /// <param name="total">How many there are.</param>
    /// <param name="sampled">How many the ordinary tests take.</param>
    /// <param name="most">How many the full proof takes at most.</param>
    public static IEnumerable<long> Sample(long total, int sampled, int most = int.MaxValue)
    {
        int wanted = IsFull ? most : sampled;
        if (total <= wanted)
        {
            for (long i = 0; i < total; i++)
            {
                yield return i;
            }
            yield break;
        }
        for (int i = 0; i < wanted; i++)
        {
            yield return i * (total - 1) / (wanted - 1);
        }
    }
}
