using Ferry.Files;
using Ferry.Server.Storage.Journal;

namespace Ferry.Server.Storage;

/// <summary>Complete files that are published together, and what becomes of each.</summary>
/// <param name="closesAtOnce">True when they will be flushed with the whole file system: then none needs its descriptor any more.</param>
/// <param name="keyed">The delivery that they belong to, where it has a key: then each is written down before it is published.</param>
internal sealed class CommitBatch(bool closesAtOnce = false, KeyedDelivery? keyed = null)
{
    private readonly TaskCompletionSource completion = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Item> items = [];

    /// <summary>Ends when everything is published or has failed.</summary>
    public Task Completion => completion.Task;

    /// <summary>How many files it has; one without any waits for a flush of names alone.</summary>
    public int Count => items.Count;

    /// <summary>Adds a file.</summary>
    /// <param name="file">Complete; owned from now on.</param>
    /// <param name="answer">Called once at the end: with null when it is published as its level says, else with why not.</param>
    public void Add(IncomingFile file, Action<IncomingFile, FerryException?> answer)
    {
        items.Add(new Item(file, answer));
        if (closesAtOnce)
        {
            file.Close();
        }
    }

    /// <summary>Flushes each file by itself, publishes all, and flushes each directory once.</summary>
    public void CommitAlone(DirectoryCache directories, DirectoryLinks links)
    {
        Intend(flush: items.Exists(item => item.File.Level == Durability.Durable));
        ForEach(file => file.Flush());
        Publish(directories);
        HashSet<DirectoryIdentity> flushed = [];
        ForEach(file =>
        {
            if (file.Level == Durability.Durable)
            {
                ConfinedDirectory directory = file.DirectoryIn(directories);
                DirectoryIdentity identity = DirectoryIdentity.Of(directory);
                // A flush that has failed has failed for all: tried again, it would succeed without what was lost.
                file.ThrowIfFlushFailed();
                if (!flushed.Contains(identity))
                {
                    links.FlushUpToRoot(directory);
                    flushed.Add(identity);
                }
            }
        });
    }

    /// <summary>Publishes and answers what needs no flush, in a delivery with a key; in others that was done before it came here.</summary>
    public void PublishUnflushed(DirectoryCache directories)
    {
        List<Item> unflushed = keyed is null ? [] : items.FindAll(item => item.File.Level == Durability.Received);
        Intend(unflushed, flush: false);
        ForEach(unflushed, item => item.IsPublishedUnflushed = item.File.TryPublishUnflushed(directories));
        List<Item> over = items.FindAll(item => item.IsOver);
        items.RemoveAll(item => item.IsOver);
        Answer(over, null);
    }

    /// <summary>Writes down that the files are about to be published, in one write.</summary>
    /// <param name="flush">False when a flush of the file system follows.</param>
    public void Intend(bool flush) => Intend(items, flush);

    /// <summary>Gives the descriptors up, before a flush of the whole file system.</summary>
    public void Close() => items.ForEach(item => item.File.Close());

    /// <summary>The file system was flushed: the content is safe, unless that failed.</summary>
    public void MarkFlushed() => ForEach(file => file.MarkFlushed());

    public void Publish(DirectoryCache directories) => ForEach(file => file.Publish(directories));

    /// <summary>The file system was flushed again: the names are safe, unless that failed.</summary>
    public void MarkDirectoriesFlushed() => ForEach(file => file.ThrowIfFlushFailed());

    /// <summary>Gives every answer and lets go of the files.</summary>
    /// <param name="fault">What went wrong with all of them; null when nothing did.</param>
    public void Answer(Exception? fault) => Answer(items, fault);

    private void Answer(List<Item> over, Exception? fault)
    {
        Settle(over, fault);
        foreach (Item item in over)
        {
            using (item.File)
            {
                item.Answer(item.File, item.Failure ?? (fault is null ? null : fault as FerryException ?? new FerryException(FerryErrorCode.Internal, fault.Message, fault)));
            }
        }
    }

    public void Complete(Exception? fault)
    {
        if (fault is null)
        {
            completion.SetResult();
        }
        else
        {
            completion.SetException(fault);
        }
    }

    private void Intend(List<Item> files, bool flush)
    {
        List<Item> intended = keyed is null ? [] : files.FindAll(item => item.Failure is null && !item.IsIntended && item.File.Intent is not null);
        if (intended.Count == 0)
        {
            return;
        }
        intended.ForEach(item => item.IsIntended = true);
        try
        {
            keyed!.Intend(intended.ConvertAll(item => item.File.Intent!), flush);
        }
        catch (FerryException e)
        {
            intended.ForEach(item => item.Failure = new FerryException(e.Code, e.Message, e));
        }
    }

    /// <summary>Writes down what became of the files. What is not published and cannot be said not to be stays in staging, where the next start sees that.</summary>
    private void Settle(List<Item> over, Exception? fault)
    {
        List<Item> intended = over.FindAll(item => item.IsIntended);
        if (intended.Count > 0 && !keyed!.TrySettle(intended.ConvertAll(item => (item.File.Intent!, item.StoredAsUnless(fault)))))
        {
            intended.FindAll(item => item.StoredAsUnless(fault) is null).ForEach(item => item.File.Leave());
        }
    }

    /// <summary>Does something with each file that has not failed; what is thrown is that file's failure.</summary>
    private void ForEach(Action<IncomingFile> action) => ForEach(items, item => action(item.File));

    private static void ForEach(List<Item> files, Action<Item> action)
    {
        foreach (Item item in files)
        {
            if (item.Failure is not null)
            {
                continue;
            }
            try
            {
                action(item);
            }
            catch (FerryException e)
            {
                item.Failure = e;
            }
        }
    }

    private sealed class Item(IncomingFile file, Action<IncomingFile, FerryException?> answer)
    {
        public IncomingFile File => file;

        public Action<IncomingFile, FerryException?> Answer => answer;

        public FerryException? Failure { get; set; }

        /// <summary>True when it may stand in the journal that it is about to be published.</summary>
        public bool IsIntended { get; set; }

        /// <summary>True when it is published and needs no flush.</summary>
        public bool IsPublishedUnflushed { get; set; }

        public bool IsOver => IsPublishedUnflushed || Failure is not null;

        /// <summary>The name of a published file.</summary>
        public FerryPath? StoredAsUnless(Exception? fault) => (Failure ?? fault) is null ? file.StoredAs : (FerryPath?)null;
    }
}
