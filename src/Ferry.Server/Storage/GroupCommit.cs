namespace Ferry.Server.Storage;

/// <summary>
/// Publishes batches of complete files: flush, rename, flush of directories. While one group is being flushed, batches of any connection gather
/// into the next: one flush serves them all. Where the file system cannot be flushed as a whole, and for few files, each is flushed by itself.
/// </summary>
internal sealed class GroupCommit(FileSystemFlusher flusher, DirectoryCache directories)
{
    /// <summary>Up to so many files in a batch, flushing each by itself is cheaper, and disturbs no other program's writing.</summary>
    public const int FewFiles = 8;

    private readonly Lock gate = new();
    private List<CommitBatch> waiting = [];
    private bool running;

    /// <summary>Whether a batch of so many files is better committed together with others.</summary>
    public bool IsFor(int files) => files > FewFiles && flusher.IsUsable;

    /// <summary>Publishes a batch together with whatever else waits. What becomes of its files stands in the batch.</summary>
    public Task CommitAsync(CommitBatch batch)
    {
        lock (gate)
        {
            waiting.Add(batch);
            if (!running)
            {
                running = true;
                _ = Task.Run(Run);
            }
        }
        return batch.Completion;
    }

    private void Run()
    {
        while (true)
        {
            List<CommitBatch> group;
            lock (gate)
            {
                if (waiting.Count == 0)
                {
                    running = false;
                    return;
                }
                (group, waiting) = (waiting, []);
            }
            try
            {
                Commit(group);
                group.ForEach(batch => batch.Complete(null));
            }
            catch (Exception e)
            {
                // A fault of ours: whoever waits must hear of it.
                group.ForEach(batch => batch.Complete(e));
            }
            finally
            {
                // Directories may be moved or removed by others before the next group.
                directories.Dispose();
            }
        }
    }

    private void Commit(List<CommitBatch> group)
    {
        if (group.Any(batch => batch.Count > 0))
        {
            // The flush of the content is the flush of these as well.
            group.ForEach(batch => batch.Intend(flush: false));
            flusher.Flush();
            group.ForEach(batch => batch.MarkFlushed());
            group.ForEach(batch => batch.Publish(directories));
        }
        flusher.Flush();
        group.ForEach(batch => batch.MarkDirectoriesFlushed());
    }
}
