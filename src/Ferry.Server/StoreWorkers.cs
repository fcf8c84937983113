using System.Collections.Concurrent;
using Ferry.Server.Storage;

namespace Ferry.Server;

/// <summary>
/// The workers of one connection: while its reader goes on, they stage and publish what has come. There are as many as the machine has cores, up
/// to <see cref="MostWorkers"/>; whoever brings work waits until one is free, which bounds what is held.
/// </summary>
internal sealed class StoreWorkers(Delivery first) : IDisposable
{
    private const int MostWorkers = 8;

    private readonly SemaphoreSlim free = new(Math.Min(Environment.ProcessorCount, MostWorkers));
    private readonly ConcurrentBag<Delivery> idle = [];
    private readonly ConcurrentQueue<Delivery> all = [];

    /// <summary>Waits for a free worker and starts work on it.</summary>
    /// <param name="work">What it does. The worker is free for others when the task that this returns has ended; what is to follow may go on in the task that it gives.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <returns>The task that goes on.</returns>
    public async Task<Task> StartAsync(Func<Delivery, Task> work, CancellationToken cancellationToken)
    {
        await free.WaitAsync(cancellationToken).ConfigureAwait(false);
        return Task.Run(() =>
        {
            Delivery worker = idle.TryTake(out Delivery? known) ? known : Begin();
            try
            {
                return work(worker);
            }
            finally
            {
                idle.Add(worker);
                free.Release();
            }
        }, CancellationToken.None);
    }

    /// <summary>Lets go of what the workers hold. None may be at work.</summary>
    public void Dispose()
    {
        foreach (Delivery worker in all)
        {
            worker.Dispose();
        }
        free.Dispose();
    }

    private Delivery Begin()
    {
        Delivery worker = first.BeginBeside();
        all.Enqueue(worker);
        return worker;
    }
}
