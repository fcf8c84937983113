using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>Finds out whether what the receiver holds of a file from an earlier connection is still the beginning of that file.</summary>
internal static class ResumedContent
{
    /// <summary>Reads and hashes as much of the content as the receiver holds.</summary>
    /// <param name="content">The content, at its beginning; it stands behind what was read afterwards.</param>
    /// <param name="go">The receiver's go, with an offset.</param>
    /// <param name="hash">Hashes what is read.</param>
    /// <param name="buffer">What it is read into.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    /// <returns>True when the hash is the receiver's.</returns>
    public static async ValueTask<bool> IsSameAsync(OutgoingContent content, Go go, ContentHash hash, Memory<byte> buffer, CancellationToken cancellationToken)
    {
        long left = go.Offset!.Value;
        while (left > 0)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int read = await content.ReadAsync(buffer[..(int)Math.Min(left, buffer.Length)], cancellationToken).ConfigureAwait(false);
            if (read == 0)
            {
                return false;
            }
            hash.Append(buffer.Span[..read]);
            left -= read;
        }
        return hash.Current().AsSpan().SequenceEqual(go.Hash);
    }
}
