using System.Runtime.ExceptionServices;
using Ferry.Files;

namespace Ferry.Server.Storage;

/// <summary>Reads and hashes a source on a thread of its own, one piece ahead of whoever takes the pieces.</summary>
internal sealed class ReadAhead : IDisposable
{
    private readonly SourceFile source;
    private readonly ContentHash hash;
    private readonly byte[][] buffers;
    private readonly int[] lengths = new int[2];
    private readonly SemaphoreSlim free = new(2);
    private readonly SemaphoreSlim filled = new(0);
    private readonly CancellationTokenSource ended;
    private readonly Task reading;
    private Exception? failure;
    private int next;
    private bool taken;
    private long offset;

    /// <param name="source">What is read, to its size.</param>
    /// <param name="hash">Hashes what is read.</param>
    /// <param name="pair">The buffers; used until this is disposed.</param>
    /// <param name="offset">Where reading begins.</param>
    /// <param name="broken">Ends the reading.</param>
    public ReadAhead(SourceFile source, ContentHash hash, CopyBuffers.Pair pair, long offset, CancellationToken broken)
    {
        this.offset = offset;
        this.source = source;
        this.hash = hash;
        buffers = [pair.First, pair.Second];
        ended = CancellationTokenSource.CreateLinkedTokenSource(broken);
        reading = Task.Run(Read, CancellationToken.None);
    }

    /// <summary>The next piece, valid until the next call; empty at the end.</summary>
    /// <exception cref="FerryException">The source cannot be read.</exception>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public ReadOnlySpan<byte> Next()
    {
        if (taken)
        {
            free.Release();
        }
        filled.Wait(ended.Token);
        if (failure is not null)
        {
            ExceptionDispatchInfo.Throw(failure);
        }
        ReadOnlySpan<byte> piece = buffers[next].AsSpan(0, lengths[next]);
        (next, taken) = (1 - next, true);
        return piece;
    }

    /// <summary>Ends the reading and waits for it: the buffers and the source are free for others then.</summary>
    public void Dispose()
    {
        ended.Cancel();
        reading.Wait(CancellationToken.None);
        free.Dispose();
        filled.Dispose();
        ended.Dispose();
    }

    private void Read()
    {
        try
        {
            int length;
            int at = 0;
            do
            {
                free.Wait(ended.Token);
                length = source.Read(buffers[at].AsSpan(0, (int)Math.Min(CopyBuffers.Size, source.Size - offset)), offset);
                hash.Append(buffers[at].AsSpan(0, length));
                lengths[at] = length;
                offset += length;
                at = 1 - at;
                filled.Release();
            }
            while (length > 0);
        }
        catch (OperationCanceledException)
        {
            // Nobody takes pieces any more.
        }
        catch (Exception e)
        {
            failure = e;
            filled.Release();
        }
    }
}
