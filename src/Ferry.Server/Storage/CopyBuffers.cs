using System.Collections.Concurrent;

namespace Ferry.Server.Storage;

/// <summary>
/// Pairs of large buffers for copying, two for each core. More copies at a time would only fight for the disk and the processor's cache, so they wait
/// for a pair.
/// </summary>
internal sealed class CopyBuffers : IDisposable
{
    /// <summary>
    /// Large enough that calls cost nothing beside the copying. Written in larger pieces, a file gets its page cache in larger runs of pages, which a virtual machine that
    /// gives free memory back to its host has to fetch first.
    /// </summary>
    public const int Size = 256 << 10;

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
