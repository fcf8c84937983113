namespace Ferry.Wire;

/// <summary>
/// The eight bytes that each side sends first. They never change: the first byte tells native from plain, and the last two
/// show at once when a relay rewrites line ends. <c>[preface]</c>
/// </summary>
internal static class Preface
{
    public const byte FirstByte = 0x89;

    public static ReadOnlySpan<byte> Bytes => [FirstByte, (byte)'F', (byte)'E', (byte)'R', (byte)'R', (byte)'Y', (byte)'\r', (byte)'\n'];
}
