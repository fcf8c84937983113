using Ferry.Files;
using Ferry.Native;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;

namespace Ferry.Server.Storage;

/// <summary>
/// The uploads that can be resumed: those that arrive now, each with the one connection that writes it, and those that wait for their sender. An upload
/// belongs to a user and a name. What waits is bounded by age, by bytes and in number, and gives way to files that need the space. Safe to use from any thread.
/// </summary>
internal sealed class Partials : IDisposable
{
    private const int MostParked = 10_000;

    private readonly ConfinedDirectory directory;
    private readonly PartialLimits limits;
    private readonly Lock gate = new();
    private readonly Dictionary<(uint User, FerryPath Name), Upload> uploads = [];
    private readonly SortedSet<(DateTimeOffset LastWrite, long Number, Upload Upload)> parked =
        new(Comparer<(DateTimeOffset LastWrite, long Number, Upload Upload)>.Create((a, b) => (a.LastWrite, a.Number).CompareTo((b.LastWrite, b.Number))));

    /// <summary>The directories of those users who have uploads, with how many; opened when the first file of one is.</summary>
    private readonly Dictionary<uint, (PartialFolder? Folder, int Uploads)> folders = [];
    private readonly Lock removing = new();
    private readonly ITimer timer;
    private long parkedBytes;
    private long lastNumber;
    private volatile bool disposed;

    /// <summary>Takes up what earlier servers left, as far as it can be trusted and is not too old.</summary>
    /// <param name="directory">The directory <c>.ferry/partials</c>; owned from now on.</param>
    /// <param name="limits">How much is kept.</param>
    public Partials(ConfinedDirectory directory, PartialLimits limits)
    {
        this.directory = directory;
        this.limits = limits;
        timer = limits.Clock.CreateTimer(_ => Sweep(), null, Timeout.InfiniteTimeSpan, Timeout.InfiniteTimeSpan);
        HashSet<uint> users = [];
        foreach ((PartialFolder folder, byte[] id, PartialRecord record, FileStatus status) in PartialScan.Run(directory, user =>
        {
            users.Add(user);
            return Folder(user);
        }))
        {
            lastNumber = Math.Max(lastNumber, PartialFolder.NumberIn(id)!.Value);
            var upload = new Upload(record.User, record.Name) { Id = id };
            if (uploads.ContainsKey((record.User, record.Name)))
            {
                folder.Remove(id);
                continue;
            }
            Add(upload);
            AddParked(upload, new ParkedState(status, null));
        }
        Sweep();
        lock (gate)
        {
            foreach (uint user in users.Where(user => folders.GetValueOrDefault(user).Uploads == 0))
            {
                folders.Remove(user, out (PartialFolder? Folder, int Uploads) empty);
                empty.Folder?.Dispose();
                StagingArea.TryRemoveDirectory(directory, PartialFolder.NameOf(user));
            }
        }
    }

    /// <summary>Where it is said what becomes of uploads.</summary>
    public ILogger Logger { get; set; } = NullLogger.Instance;

    /// <summary>False when no part of a file is kept.</summary>
    public bool AreKept => limits.Age != TimeSpan.Zero;

    public TimeProvider Clock => limits.Clock;

    /// <summary>Claims an upload for a holder.</summary>
    /// <param name="user">Whose it is.</param>
    /// <param name="name">The name it will be stored under.</param>
    /// <param name="holder">Who will write it.</param>
    /// <param name="holding">Who does already, and when he lets go; null when nobody does.</param>
    /// <param name="onlyNew">True when only one of which nothing is known is wanted.</param>
    /// <returns>The upload, or null when somebody else has it.</returns>
    public Upload? TryClaim(uint user, FerryPath name, IUploadHolder holder, out (IUploadHolder Holder, Task Released)? holding, bool onlyNew = false)
    {
        lock (gate)
        {
            holding = null;
            if (!uploads.TryGetValue((user, name), out Upload? upload))
            {
                upload = new Upload(user, name);
                Add(upload);
            }
            else if (onlyNew)
            {
                return null;
            }
            else if (upload.Holder is { } other)
            {
                holding = (other, upload.Released.Task);
                return null;
            }
            else
            {
                RemoveParked(upload);
                upload.Released = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
            }
            upload.Holder = holder;
            return upload;
        }
    }

    /// <summary>The file of a claimed upload: what is there of it, where that can be trusted, or a new one.</summary>
    /// <exception cref="FerryException">None can be made; the claim is over.</exception>
    public PartialFile Open(Upload upload)
    {
        try
        {
            PartialFolder folder = Folder(upload.User);
            if (upload.Parked is { } state && TryOpenParked(upload, folder, state) is { } file)
            {
                return file;
            }
            upload.Parked = null;
            while (true)
            {
                upload.Id = StagingArea.NumberText(Interlocked.Increment(ref lastNumber));
                if (!folder.Directory.TryGetStatus(upload.Id, out _))
                {
                    return new PartialFile(this, upload, folder, folder.Create(upload.Id, upload.Name));
                }
            }
        }
        catch
        {
            if (upload.Parked is { } state)
            {
                // No descriptor was left for it; it is there as before.
                PutBack(upload, state);
            }
            else
            {
                End(upload);
            }
            throw;
        }
    }

    /// <summary>Its holder lets go of an upload that is not complete.</summary>
    public void Park(Upload upload, ParkedState state)
    {
        PutBack(upload, state);
        ServerLog.Kept(Logger, upload.Name, state.Status.Size, upload.User);
        Sweep();
    }

    /// <summary>An upload is over: stored, refused, or nothing of it worth keeping.</summary>
    public void End(Upload upload)
    {
        lock (gate)
        {
            uploads.Remove((upload.User, upload.Name));
            Leave(upload.User);
            upload.Holder = null;
            upload.Released.TrySetResult();
        }
    }

    /// <summary>Removes what waits, the oldest first, until so much space is free that a file could not have otherwise.</summary>
    /// <returns>True when anything was removed.</returns>
    public bool MakeRoom(long bytes) => Drop(gone => gone < bytes, "a file that arrives needs the space");

    /// <summary>Removes what waits and is too old, or more than is kept.</summary>
    public void Sweep()
    {
        DateTimeOffset now = Clock.GetUtcNow();
        Drop(_ => limits.Age != Timeout.InfiniteTimeSpan && now - parked.Min.LastWrite >= limits.Age, "nobody went on with it in time (--keep-partials)");
        Drop(_ => parkedBytes > limits.Bytes || parked.Count > MostParked, "more waits than is kept (--max-partials)");
        lock (gate)
        {
            if (!disposed && limits.Age != Timeout.InfiniteTimeSpan && parked.Count > 0)
            {
                TimeSpan due = parked.Min.LastWrite + limits.Age - now;
                timer.Change(TimeSpan.FromTicks(Math.Clamp(due.Ticks, TimeSpan.TicksPerSecond, PartialLimits.LongestAge.Ticks)), Timeout.InfiniteTimeSpan);
            }
        }
    }

    public void Dispose()
    {
        lock (gate)
        {
            disposed = true;
        }
        timer.Dispose();
        lock (removing)
        {
            foreach ((PartialFolder? folder, int _) in folders.Values)
            {
                folder?.Dispose();
            }
            directory.Dispose();
        }
    }

    private PartialFolder Folder(uint user)
    {
        lock (gate)
        {
            (PartialFolder? folder, int count) = folders.GetValueOrDefault(user);
            folder ??= new PartialFolder(StagingArea.OpenOwn(directory, PartialFolder.NameOf(user)), user);
            folders[user] = (folder, count);
            return folder;
        }
    }

    private void Add(Upload upload)
    {
        uploads.Add((upload.User, upload.Name), upload);
        (PartialFolder? folder, int count) = folders.GetValueOrDefault(upload.User);
        folders[upload.User] = (folder, count + 1);
    }

    /// <summary>One upload less; a server meets any number of users, and keeps no descriptor for those who have none.</summary>
    private void Leave(uint user)
    {
        (PartialFolder? folder, int count) = folders[user];
        if (count > 1)
        {
            folders[user] = (folder, count - 1);
            return;
        }
        folders.Remove(user);
        folder?.Dispose();
    }

    private void PutBack(Upload upload, ParkedState state)
    {
        lock (gate)
        {
            AddParked(upload, state);
            upload.Holder = null;
            upload.Released.TrySetResult();
        }
    }

    private PartialFile? TryOpenParked(Upload upload, PartialFolder folder, ParkedState state)
    {
        try
        {
            // Where the record is not there any more, or was changed, the content cannot be trusted either.
            if (folder.TryReadRecord(upload.Id) is { } record && record.Name == upload.Name
                && folder.TryOpen(upload.Id, out FileStatus status, waits: true) is { } handle)
            {
                if (FileState.Of(status) != FileState.Of(state.Status))
                {
                    state.Hash?.Dispose();
                    state = new ParkedState(status, null);
                }
                return new PartialFile(this, upload, folder, handle, state, record);
            }
        }
        catch (FerryException e) when (e.Code != FerryErrorCode.TooManyOpenFiles)
        {
            // It cannot be read, so it cannot be gone on with.
        }
        state.Hash?.Dispose();
        folder.Remove(upload.Id);
        return null;
    }

    private bool Drop(Func<long, bool> isDue, string why)
    {
        List<(Upload Upload, ParkedState State)> dropped = [];
        lock (gate)
        {
            for (long gone = 0; parked.Count > 0 && isDue(gone);)
            {
                Upload upload = parked.Min.Upload;
                ParkedState state = upload.Parked!;
                RemoveParked(upload);
                uploads.Remove((upload.User, upload.Name));
                gone += state.Status.Size;
                dropped.Add((upload, state));
            }
        }
        foreach ((Upload upload, ParkedState state) in dropped)
        {
            state.Hash?.Dispose();
            Remove(upload);
            ServerLog.Dropped(Logger, upload.Name, state.Status.Size, upload.User, why);
        }
        return dropped.Count > 0;
    }

    private void Remove(Upload upload)
    {
        // The timer may come while the server ends; what is left is met again at the next start.
        lock (removing)
        {
            if (disposed)
            {
                return;
            }
            Folder(upload.User).Remove(upload.Id);
            lock (gate)
            {
                Leave(upload.User);
            }
        }
    }

    private void AddParked(Upload upload, ParkedState state)
    {
        upload.Parked = state;
        parked.Add((state.LastWrite, PartialFolder.NumberIn(upload.Id)!.Value, upload));
        parkedBytes += state.Status.Size;
    }

    private void RemoveParked(Upload upload)
    {
        parked.Remove((upload.Parked!.LastWrite, PartialFolder.NumberIn(upload.Id)!.Value, upload));
        parkedBytes -= upload.Parked.Status.Size;
    }
}
