using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>
/// A connection in memory whose other side says what the fuzzer chose, in pieces, and then closes. It answers like a peer that waits: a piece comes when the side
/// under test has nothing left to do, so that an answer can come after the question.
/// </summary>
/// <param name="says">All that it says.</param>
/// <param name="pieceSize">Bytes of a piece; 0 for the preface, then frame by frame, so that an answer can come to each.</param>
/// <param name="waits">Whether it waits before each piece.</param>
internal sealed class HostilePeer(byte[] says, int pieceSize, bool waits) : Stream
{
    private const int QuietTurns = 4;

    /// <summary>Later pieces come at once: whoever sends thousands of them is not waited for that often.</summary>
    private const int MostWaits = 300;

    private int position;
    private int pieceEnd;
    private int writes;
    private int waited;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        if (position == pieceEnd)
        {
            if (waits && waited++ < MostWaits)
            {
                await BecomeQuietAsync();
            }
            if (position < says.Length)
            {
                pieceEnd = Math.Min(says.Length, position + (pieceSize > 0 ? pieceSize : FrameIn(says.AsSpan(position))));
            }
        }
        int count = Math.Min(buffer.Length, pieceEnd - position);
        says.AsSpan(position, count).CopyTo(buffer.Span);
        position += count;
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        cancellationToken.ThrowIfCancellationRequested();
        Interlocked.Increment(ref writes);
        return ValueTask.CompletedTask;
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    /// <summary>The preface, or the frame that begins here.</summary>
    private static int FrameIn(ReadOnlySpan<byte> left)
    {
        if (left.StartsWith(Preface.Bytes))
        {
            return Preface.Bytes.Length;
        }
        return left.Length < FrameHeader.Size ? left.Length : FrameHeader.Size + FrameHeader.Read(left).Length;
    }

    /// <summary>Lets everything else that is ready run first. Where the thread pool has one thread this is exact; elsewhere it is a good guess, and every order is legal.</summary>
    private async ValueTask BecomeQuietAsync()
    {
        int before;
        do
        {
            before = Volatile.Read(ref writes);
            for (int i = 0; i < QuietTurns; i++)
            {
                await Task.Yield();
            }
        }
        while (before != Volatile.Read(ref writes));
    }
}
