using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>Copies a file that was passed: one thread reads and hashes a piece while another writes the piece before it.</summary>
internal static class FileCopy
{
    /// <summary>Copies the source to its end.</summary>
    /// <param name="source">Where content comes from.</param>
    /// <param name="destination">Where it goes.</param>
    /// <param name="hash">Hashes what is read.</param>
    /// <param name="buffers">What is between them.</param>
    /// <param name="offset">Where it begins; the destination holds what is before that.</param>
    /// <param name="broken">Ends the copying.</param>
    /// <returns>Bytes copied: fewer than the source's size where it has become shorter.</returns>
    /// <exception cref="FerryException">The source cannot be read or the destination not be written.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public static long Copy(SourceFile source, IncomingFile destination, ContentHash hash, CopyBuffers.Pair buffers, long offset, CancellationToken broken)
    {
        if (source.Size - offset <= CopyBuffers.Size)
        {
            int length = source.Read(buffers.First.AsSpan(0, (int)(source.Size - offset)), offset);
            hash.Append(buffers.First.AsSpan(0, length));
            destination.Write(buffers.First.AsSpan(0, length));
            return length;
        }
        using var reader = new ReadAhead(source, hash, buffers, offset, broken);
        long copied = 0;
        for (ReadOnlySpan<byte> piece = reader.Next(); !piece.IsEmpty; piece = reader.Next())
        {
            broken.ThrowIfCancellationRequested();
            destination.Write(piece);
            copied += piece.Length;
        }
        return copied;
    }
}
