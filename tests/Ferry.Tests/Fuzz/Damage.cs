namespace Ferry.Tests.Fuzz;

/// <summary>Changes bytes in the ways that find most: a few of them flipped, left out, repeated, put in or cut off. The same seed makes the same changes.</summary>
internal sealed class Damage(int seed)
{
    private const int MostChanges = 4;
    private const int LongestPart = 64;

    private static readonly byte[] Telling = [0, 1, 0x7F, 0x80, 0xFF, (byte)'\n', (byte)'/'];

    private readonly Random random = new(seed);

    public byte[] Apply(byte[] bytes)
    {
        for (int changes = random.Next(1, MostChanges + 1); changes > 0; changes--)
        {
            bytes = Change(bytes);
        }
        return bytes;
    }

    private byte[] Change(byte[] bytes)
    {
        int at = random.Next(bytes.Length + 1);
        int end = Math.Min(bytes.Length, at + random.Next(1, LongestPart));
        byte value = random.Next(2) == 0 ? (byte)random.Next(256) : Telling[random.Next(Telling.Length)];
        return random.Next(5) switch
        {
            0 when at < bytes.Length => [.. bytes[..at], value, .. bytes[(at + 1)..]],
            1 => [.. bytes[..at], .. bytes[end..]],
            2 => [.. bytes[..end], .. bytes[at..]],
            3 => bytes[..at],
            _ => [.. bytes[..at], value, .. bytes[at..]],
        };
    }
}
