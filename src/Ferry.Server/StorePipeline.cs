using System.Collections.Concurrent;
using Ferry.Server.Storage;
using Ferry.Server.Storage.Journal;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// What happens to the entries of one connection once their content is here: they are gathered into batches, staged by the workers, committed, and
/// answered, while the session's reader goes on. Directories end when everything that was gathered before them is published.
/// </summary>
internal sealed class StorePipeline : IDisposable
{
    private const int MostFilesInBatch = 64;
    private const long MostBytesInBatch = 256 * 1024;

    private readonly NativeConnection connection;
    private readonly DeliveryRecord record;
    private readonly Store store;
    private readonly Delivery directories;
    private readonly StoreWorkers workers;
    private readonly Action answered;

    /// <summary>Files that were added and have no receipt yet.</summary>
    private readonly ConcurrentDictionary<FerryPath, IncomingEntry> names = new();
    private List<IncomingEntry> gathered = [];
    private long gatheredBytes;
    private Task published = Task.CompletedTask;
    private int unanswered;

    /// <param name="connection">Where receipts go, and what is given up when something fails that is no entry's fault.</param>
    /// <param name="record">Hears of every receipt.</param>
    /// <param name="store">Where entries go.</param>
    /// <param name="first">The reader's own way into the store.</param>
    /// <param name="answered">Called after each receipt, from any thread.</param>
    public StorePipeline(NativeConnection connection, DeliveryRecord record, Store store, Delivery first, Action answered)
    {
        this.connection = connection;
        this.record = record;
        this.store = store;
        this.answered = answered;
        directories = first.BeginBeside();
        workers = new StoreWorkers(first);
    }

    /// <summary>The delivery that entries belong to, where it has a key. Set only while nothing is unanswered.</summary>
    public KeyedDelivery? Keyed { get; set; }

    /// <summary>Entries that were added and have no receipt yet.</summary>
    public int Unanswered => Volatile.Read(ref unanswered);

    /// <summary>Adds a directory that ends, or a file whose content is here. Of files under one name the one added last remains: it waits for those before.</summary>
    public async ValueTask AddAsync(IncomingEntry entry)
    {
        if (!entry.IsDirectory && !names.TryAdd(entry.Offer.Name, entry))
        {
            await StartGatheredAsync().ConfigureAwait(false);
            await published.ConfigureAwait(false);
            names[entry.Offer.Name] = entry;
        }
        Interlocked.Increment(ref unanswered);
        gathered.Add(entry);
        gatheredBytes += entry.Weight;
        if (gathered.Count >= MostFilesInBatch || gatheredBytes >= MostBytesInBatch)
        {
            await StartGatheredAsync().ConfigureAwait(false);
        }
    }

    /// <summary>Has the workers begin with what was gathered, once one of them is free.</summary>
    public async ValueTask StartGatheredAsync()
    {
        if (gathered.Count == 0)
        {
            return;
        }
        // They are ours to let go of until a worker has taken them.
        List<IncomingEntry> batch = gathered;
        CopyBuffers.Pair? buffers = null;
        try
        {
            buffers = batch.Exists(entry => entry.IsPassed) ? await store.Copies.TakeAsync(connection.Broken).ConfigureAwait(false) : null;
            Task stored = await workers.StartAsync(worker => StoreFilesAsync(worker, batch, buffers), connection.Broken).ConfigureAwait(false);
            (gathered, gatheredBytes) = ([], 0);
            published = EndDirectoriesAsync(published, stored, batch);
        }
        catch (OperationCanceledException)
        {
            buffers?.Dispose();
            throw;
        }
    }

    /// <summary>Ends when the workers have. What is gathered and not begun is dropped: nobody waits for it any more.</summary>
    public Task EndAsync() => published;

    /// <summary>Sends a receipt with the next batch of them.</summary>
    public void Answer(IncomingEntry entry, Receipt receipt)
    {
        if (directories.Trees.Around(entry.Offer.Name) is { } tree)
        {
            receipt = tree.Hold(receipt);
        }
        connection.Writer.Add(entry.Number, ReceiptMessage.From(receipt, entry.Offer.Name));
        record.Add(receipt, entry.Offer.Level);
        answered();
    }

    /// <summary>Lets go of everything; the workers must have ended.</summary>
    public void Dispose()
    {
        gathered.ForEach(entry => entry.Park());
        workers.Dispose();
        directories.Dispose();
    }

    /// <summary>Stages a batch on the worker's thread; the task that it gives commits and answers.</summary>
    private Task StoreFilesAsync(Delivery worker, List<IncomingEntry> batch, CopyBuffers.Pair? buffers)
    {
        bool manyDurable = store.Commits.IsFor(batch.Count(entry => !entry.IsDirectory && IsDurable(entry)));
        var commit = new CommitBatch(closesAtOnce: manyDurable, Keyed);
        try
        {
            batch.FindAll(entry => !entry.IsDirectory).ForEach(entry => StageFile(worker, entry, buffers, commit));
        }
        finally
        {
            buffers?.Dispose();
            // What a broken connection has kept from being staged may be gone on with.
            batch.ForEach(entry => entry.Park());
        }
        commit.PublishUnflushed(worker.Directories);
        bool together = commit.Count > 0 && (manyDurable || store.Commits.IsFor(commit.Count));
        if (!together)
        {
            commit.CommitAlone(worker.Directories, worker.Links);
        }
        // A connection may be quiet from now on, and there may be thousands of those.
        worker.Directories.Dispose();
        return AnswerAsync(commit, together);
    }

    private bool IsDurable(IncomingEntry entry) => store.LevelFor(entry.Offer.Level) == Durability.Durable;

    private void StageFile(Delivery worker, IncomingEntry entry, CopyBuffers.Pair? buffers, CommitBatch commit)
    {
        IncomingFile? file = null;
        try
        {
            (file, Receipt receipt) = entry.Stage(worker, buffers, connection.Broken);
            // What is in a directory that is published as a whole is stored again where its receipt was lost: it is nowhere else yet.
            file.Intent = !file.Waits && entry.ArrivalId is { } id ? Keyed!.IntentOf(id, entry.Offer, receipt, file.Identify(receipt)) : null;
            if (file.Intent is null && file.TryPublishUnflushed(worker.Directories))
            {
                Finish(entry, StoredAs(file, receipt));
                file.Dispose();
                return;
            }
            commit.Add(file, (stored, failure) => Finish(entry, failure is null ? StoredAs(stored, receipt) : NotStored(entry, failure)));
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            file?.Dispose();
            entry.Refuse(e);
            Finish(entry, NotStored(entry, e));
        }
    }

    private async Task AnswerAsync(CommitBatch commit, bool together)
    {
        Exception? fault = null;
        if (together)
        {
            // Who does not read its receipts must not keep a descriptor for each.
            commit.Close();
            // Early receipts do not wait for the flush of the others.
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
            try
            {
                await store.Commits.CommitAsync(commit).ConfigureAwait(false);
            }
            catch (Exception e)
            {
                fault = e;
            }
        }
        commit.Answer(fault);
        await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
    }

    /// <summary>Ends the directories of a batch after everything before them. What goes wrong with the connection is reported here.</summary>
    private async Task EndDirectoriesAsync(Task before, Task stored, List<IncomingEntry> batch)
    {
        await before.ConfigureAwait(false);
        try
        {
            await stored.ConfigureAwait(false);
            List<IncomingEntry> ended = batch.FindAll(entry => entry.IsDirectory);
            if (ended.Count > 0 && connection.Failure is null)
            {
                await new DirectoryEnds(directories, ended).CompleteAsync(Finish).ConfigureAwait(false);
                directories.Directories.Dispose();
                await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
            }
        }
        catch (OperationCanceledException)
        {
            // The connection was given up for a reason of its own.
        }
        catch (Exception e)
        {
            await connection.FailAsync(e as FerryException ?? NativeConnection.Internal(e)).ConfigureAwait(false);
        }
    }

    private void Finish(IncomingEntry entry, Receipt? receipt)
    {
        names.TryRemove(KeyValuePair.Create(entry.Offer.Name, entry));
        Interlocked.Decrement(ref unanswered);
        if (receipt is not null)
        {
            if (entry.Tree is { } tree && receipt.Result == ReceiptResult.Stored)
            {
                record.AddTree(receipt, tree.Held);
            }
            Answer(entry, receipt);
        }
    }

    private static Receipt StoredAs(IncomingFile file, Receipt receipt) => file.StoredAs == receipt.Name ? receipt : receipt with { Name = file.StoredAs };

    private Receipt NotStored(IncomingEntry entry, FerryException reason) => store.NotStored(entry.Offer.Name, entry.Offer.Kind, reason);
}
