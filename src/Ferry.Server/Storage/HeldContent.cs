using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>Compares what a file holds from an earlier connection with the beginning of a source that was passed.</summary>
internal static class HeldContent
{
    /// <summary>Where the source begins with the same bytes, copying goes on behind them; else the file is begun anew.</summary>
    /// <param name="source">The open file.</param>
    /// <param name="file">What holds a part of it, or nothing.</param>
    /// <param name="algorithm">The hash to compare by.</param>
    /// <param name="buffers">What is read into.</param>
    /// <param name="broken">Ends the reading.</param>
    /// <returns>The hash of the source up to where copying goes on, and that place.</returns>
    /// <exception cref="FerryException">The source, or what is held, cannot be read; or there is no space to begin anew.</exception>
    public static (ContentHash Hash, long Offset) Compare(SourceFile source, IncomingFile file, string algorithm, CopyBuffers.Pair buffers, CancellationToken broken)
    {
        ContentHash hash = ContentHash.Create(algorithm);
        long length = file.HeldLength;
        if (length == 0)
        {
            return (hash, 0);
        }
        using ContentHash held = file.TakeHeldHash(broken);
        for (long position = 0; position < length;)
        {
            broken.ThrowIfCancellationRequested();
            Span<byte> piece = buffers.First.AsSpan(0, (int)Math.Min(CopyBuffers.Size, length - position));
            int read = source.Read(piece, position);
            hash.Append(piece[..read]);
            position += piece.Length;
        }
        if (hash.Current().AsSpan().SequenceEqual(held.Current()))
        {
            return (hash, length);
        }
        hash.Dispose();
        file.BeginAnew();
        return (ContentHash.Create(algorithm), 0);
    }
}
