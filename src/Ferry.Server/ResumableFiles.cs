using Ferry.Files;
using Ferry.Server.Storage;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// The files of one connection of which a part outlives it. Where one is there already, its sender is told how much, once that is flushed and hashed; this
/// happens beside the reader, one file after another, so that other entries go on meanwhile.
/// </summary>
internal sealed class ResumableFiles : IUploadHolder, IDisposable
{
    /// <summary>How often an upload may change hands before somebody is playing.</summary>
    private const int MostAttempts = 3;

    /// <summary>How long a connection that is given up may take to let go of its files.</summary>
    private static readonly TimeSpan LettingGoTime = TimeSpan.FromSeconds(10);

    private readonly SessionContext context;
    private readonly NativeConnection connection;
    private readonly string algorithm;
    private readonly Delivery delivery;
    private readonly Action<IncomingEntry, FerryException> refuse;
    private Task preparing = Task.CompletedTask;

    /// <param name="context">What the session works with.</param>
    /// <param name="connection">Where a go is sent.</param>
    /// <param name="algorithm">The connection's hash.</param>
    /// <param name="first">The session's way into the store.</param>
    /// <param name="refuse">Refuses an entry and answers it, from any thread.</param>
    public ResumableFiles(SessionContext context, NativeConnection connection, string algorithm, Delivery first, Action<IncomingEntry, FerryException> refuse)
    {
        this.context = context;
        this.connection = connection;
        this.algorithm = algorithm;
        this.refuse = refuse;
        delivery = first.BeginBeside();
    }

    /// <summary>True when the peer has gone, or was silent for so long that it is nearly given up anyway: one that lives says so three times as often.</summary>
    public bool IsGone => connection.Failure is not null || connection.HasPeerLeft || connection.IsSilentFor(context.Options.StallTimeout / 2);

    private Partials Partials => context.Store.Partials;

    /// <summary>Whether a server takes such files from a peer: one that keeps parts of files, from a user that the kernel knows.</summary>
    public static bool AreTaken(SessionContext context) => context.User is not null && context.Store.Partials.AreKept;

    /// <summary>Whether a part of this file is kept. A file without a mode would not get the right one later.</summary>
    public bool Include(in Offer offer)
    {
        if (!offer.Resume)
        {
            return false;
        }
        if (!connection.BothName(Greeting.Resume))
        {
            throw Malformed.ResumeNotNamed();
        }
        if (offer.Kind != EntryKind.File || offer.Size is null)
        {
            throw Malformed.ResumeWithoutSize();
        }
        return offer.Size >= ProtocolLimits.LeastResumableBytes && offer.Metadata.Mode is not null;
    }

    /// <summary>Gets the file for an entry whose content is to be streamed.</summary>
    /// <param name="entry">The entry.</param>
    /// <param name="reader">The reader's way into the store.</param>
    /// <returns>False when its file is looked for first: the entry is answered after that, with a go or a receipt.</returns>
    public bool TakeContent(IncomingEntry entry, Delivery reader)
    {
        FileExpectation expected = Expectation(entry, reader);
        if (entry.Resumable is null)
        {
            entry.StreamInto(reader.CreateFile(entry.Offer.Name, expected));
            return true;
        }
        StoredName name = reader.Check(entry.Offer.Name, expected);
        if (Partials.TryClaim(context.User!.Value, name.Shown, this, out _, onlyNew: true) is { } upload)
        {
            entry.StreamInto(delivery.CreateFile(name, expected, Partials.Open(upload)));
            return true;
        }
        entry.IsPreparing = true;
        preparing = PrepareAfterAsync(preparing, entry, name, expected);
        return false;
    }

    /// <summary>Where the sender was told an offset, it says from where its content comes.</summary>
    public void BeginFrom(IncomingEntry entry, From from)
    {
        try
        {
            entry.BeginFrom(from);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            refuse(entry, e);
        }
    }

    /// <summary>A file can be given up at any time, but not end whole before it is settled where its content begins.</summary>
    public async ValueTask SettleAsync(IncomingEntry entry, End end)
    {
        if (end.Whole)
        {
            entry.CheckMayCome(FrameType.End);
        }
        else if (entry.IsPreparing)
        {
            await preparing.ConfigureAwait(false);
        }
    }

    /// <summary>The file for content that a worker copies from an open one.</summary>
    public IncomingFile CreateFile(IncomingEntry entry, Delivery worker)
    {
        FileExpectation expected = Expectation(entry, worker);
        return Create(worker.Check(entry.Offer.Name, expected), expected, worker);
    }

    /// <summary>Waits until no file is being prepared.</summary>
    public Task EndAsync() => preparing;

    public void GiveUp(FerryPath name) => _ = connection.FailAsync(new FerryConnectionException(
        FerryErrorCode.Stalled, $"this connection was silent or half closed, and another one of the same user goes on with {name}"));

    public void Dispose() => delivery.Dispose();

    private FileExpectation Expectation(IncomingEntry entry, Delivery worker) => entry.Expectation(worker) with { Algorithm = algorithm };

    private async Task PrepareAfterAsync(Task before, IncomingEntry entry, StoredName name, FileExpectation expected)
    {
        await before.ConfigureAwait(false);
        try
        {
            await Task.Run(() => Prepare(entry, name, expected)).ConfigureAwait(false);
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
        }
        catch (Exception e) when (e is OperationCanceledException or FerryConnectionException)
        {
            // The connection was given up, for a reason of its own; what is there of the file waits again.
        }
        catch (Exception e)
        {
            await connection.FailAsync(NativeConnection.Internal(e)).ConfigureAwait(false);
        }
    }

    private void Prepare(IncomingEntry entry, StoredName name, FileExpectation expected)
    {
        IncomingFile? file = null;
        try
        {
            file = Create(name, expected, delivery);
            Go go = default;
            if (file.HeldLength > 0)
            {
                ContentHash hash = file.TakeHeldHash(connection.Broken);
                go = new Go(file.HeldLength, hash.Current());
                entry.GoOnWith(file, hash);
            }
            else
            {
                entry.StreamInto(file);
            }
            file = null;
            entry.IsPreparing = false;
            connection.Writer.Add(entry.Number, go);
        }
        catch (OperationCanceledException)
        {
            file?.Park(null);
            throw;
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            file?.Dispose();
            refuse(entry, e);
            entry.IsPreparing = false;
        }
    }

    /// <summary>What is there of a file, flushed, or a new one. One that somebody else is sending, who lives, is made as if none could be resumed.</summary>
    private IncomingFile Create(StoredName name, FileExpectation expected, Delivery worker)
    {
        while (true)
        {
            if (Claim(name.Shown) is not { } upload)
            {
                ServerLog.SentTwice(context.Record.Logger, name.Shown, context.Record.Peer);
                return worker.CreateFile(name.Shown, expected);
            }
            IncomingFile file = worker.CreateFile(name, expected, Partials.Open(upload));
            if (file.HeldLength == 0)
            {
                return file;
            }
            try
            {
                file.FlushHeld();
                return file;
            }
            catch (FerryException)
            {
                // Nobody knows what of it is on the disk, and a second flush would not tell: it is begun anew.
                file.Dispose();
            }
        }
    }

    private Upload? Claim(FerryPath name)
    {
        for (int attempt = 0; attempt < MostAttempts; attempt++)
        {
            if (Partials.TryClaim(context.User!.Value, name, this, out (IUploadHolder Holder, Task Released)? holding) is { } upload)
            {
                return upload;
            }
            if (!holding!.Value.Holder.IsGone)
            {
                return null;
            }
            holding.Value.Holder.GiveUp(name);
            if (!holding.Value.Released.Wait((int)LettingGoTime.TotalMilliseconds, connection.Broken))
            {
                return null;
            }
        }
        return null;
    }
}
