namespace Ferry.Sending;

/// <summary>Cuts content into pieces of at most 1,024 bytes that never end within a UTF-8 character.</summary>
internal sealed class PlainPieces(OutgoingContent content)
{
    /// <summary>What the study's server receives at a time.</summary>
    public const int MostBytes = 1024;

    private const int LongestCharacter = 4;

    private readonly byte[] buffer = new byte[64 * 1024];
    private int start;
    private int end;
    private bool isAtEnd;

    /// <summary>The next piece; empty at the end. Valid until the next call.</summary>
    /// <exception cref="FerryException">The source cannot be read.</exception>
    public async ValueTask<ReadOnlyMemory<byte>> NextAsync(CancellationToken cancellationToken)
    {
        // One byte more than a piece shows whether a character goes on behind it.
        while (!isAtEnd && end - start <= MostBytes)
        {
            await FillAsync(cancellationToken).ConfigureAwait(false);
        }
        ReadOnlyMemory<byte> piece = buffer.AsMemory(start, PieceLength(buffer.AsSpan(start, end - start)));
        start += piece.Length;
        return piece;
    }

    /// <summary>How much of the content makes the next piece.</summary>
    public static int PieceLength(ReadOnlySpan<byte> content)
    {
        if (content.Length <= MostBytes)
        {
            return content.Length;
        }
        int cut = MostBytes;
        while (cut > MostBytes - LongestCharacter && IsContinuation(content[cut]))
        {
            cut--;
        }
        // No character is that long: it is not UTF-8, and any place is as good.
        return IsContinuation(content[cut]) ? MostBytes : cut;
    }

    private static bool IsContinuation(byte value) => (value & 0xC0) == 0x80;

    private async ValueTask FillAsync(CancellationToken cancellationToken)
    {
        buffer.AsSpan(start, end - start).CopyTo(buffer);
        (start, end) = (0, end - start);
        int read = await content.ReadAsync(buffer.AsMemory(end), cancellationToken).ConfigureAwait(false);
        isAtEnd = read == 0;
        end += read;
    }
}
