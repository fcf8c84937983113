using System.Collections.Concurrent;

namespace Ferry.Server.Storage;

/// <summary>
/// Pairs of large buffers for copying, two for each core. More copies at a time would only fight for the disk and the processor's cache, so they wait
/// for a pair.
/// </summary>
internal sealed class CopyBuffers : IDisposable
{
    /// <summary>Large enough that the file system allocates long runs of pages, small enough for the processor's cache.</summary>
    public const int Size = 1 << 20;

    private readonly SemaphoreSlim free = new(2 * Environment.ProcessorCount);
    private readonly ConcurrentBag<Pair> kept = [];

    /// <summary>Waits for a pair, which goes back when it is disposed. Takes no thread meanwhile.</summary>
    /// <exception cref="OperationCanceledException">The token was cancelled.</exception>
    public async Task<Pair> TakeAsync(CancellationToken cancellationToken)
    {
        await free.WaitAsync(cancellationToken).ConfigureAwait(false);
        return kept.TryTake(out Pair? pair) ? pair : new Pair(this);
    }

    public void Dispose() => free.Dispose();

    /// <summary>Two buffers: one is read into while the other is written from.</summary>
    public sealed class Pair(CopyBuffers owner) : IDisposable
    {
        public byte[] First { get; } = GC.AllocateUninitializedArray<byte>(Size);

        public byte[] Second { get; } = GC.AllocateUninitializedArray<byte>(Size);

        public void Dispose()
        {
            owner.kept.Add(this);
            owner.free.Release();
        }
    }
}
