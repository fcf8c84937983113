using Ferry.Files;
using Ferry.Server.Storage;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// Serves one native connection: reads what the sender offers and gathers its content, which <see cref="StorePipeline"/> stores and answers
/// meanwhile. Receipts are sent in batches.
/// </summary>
internal sealed class NativeSession : IDisposable
{
    private readonly SessionContext context;
    private readonly NativeConnection connection;
    private readonly Delivery delivery;
    private readonly StorePipeline pipeline;
    private readonly ResumableFiles resumable;
    private readonly string algorithm;
    private readonly IncomingEntries open = new();
    private readonly KeyedSession keyed;
    private readonly CancellationTokenSource idleStop;
    private readonly CancellationTokenRegistration stopping;
    private volatile bool mayStop;

    private NativeSession(SessionContext context, NativeConnection connection)
    {
        this.context = context;
        this.connection = connection;
        algorithm = ContentHash.Choose(connection.Peer.Hashes, ContentHash.Algorithms) ?? throw Malformed.NoCommonHash();
        delivery = context.Store.BeginDelivery();
        pipeline = new StorePipeline(connection, context.Record, context.Store, delivery, StopIfIdle);
        keyed = new KeyedSession(context, connection, algorithm);
        resumable = new ResumableFiles(context, connection, algorithm, delivery, Refuse);
        idleStop = CancellationTokenSource.CreateLinkedTokenSource(connection.Broken);
        stopping = context.Stopping.UnsafeRegister(_ => StopIfIdle(), null);
    }

    /// <summary>Serves until the sender is finished.</summary>
    /// <param name="stream">The connection; closed at the end.</param>
    /// <param name="context">What the session works with.</param>
    /// <exception cref="FerryException">The connection failed, and the peer has been told why.</exception>
    public static async Task RunAsync(Stream stream, SessionContext context)
    {
        await using var connection = Connect(stream, context);
        await using CancellationTokenRegistration abort = context.Abort.UnsafeRegister(_ => _ = connection.FailAsync(Stopping()), null);
        try
        {
            await connection.GreetSecondAsync(context.Abort).ConfigureAwait(false);
            await connection.SendProofAsync().ConfigureAwait(false);
            using var session = new NativeSession(context, connection);
            await session.ServeAsync().ConfigureAwait(false);
        }
        catch (FerryException e)
        {
            throw await connection.FailAsync(e).ConfigureAwait(false);
        }
        catch (OperationCanceledException)
        {
            throw await connection.FailAsync(Stopping()).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            throw await connection.FailAsync(NativeConnection.Internal(e)).ConfigureAwait(false);
        }
    }

    /// <summary>Tells a native peer that it is not served, and why.</summary>
    /// <param name="stream">The connection; closed at the end.</param>
    /// <param name="reason">What the peer is told.</param>
    /// <param name="stallTimeout">How long the peer may take to greet; it is told after that, so that it reads the answer.</param>
    public static async Task RefuseAsync(Stream stream, FerryException reason, TimeSpan stallTimeout)
    {
        await using var connection = new NativeConnection(stream, new Greeting(), stallTimeout, stallTimeout);
        await connection.FailAsync(reason).ConfigureAwait(false);
    }

    public void Dispose()
    {
        stopping.Dispose();
        open.Park();
        pipeline.Dispose();
        resumable.Dispose();
        delivery.Trees.Dispose();
        delivery.Dispose();
        // Whoever waits for this delivery's end finds everything of it settled.
        keyed.Dispose();
        idleStop.Dispose();
    }

    private static NativeConnection Connect(Stream stream, SessionContext context)
    {
        FerryServerOptions options = context.Options;
        var greeting = new Greeting
        {
            Versions = [Greeting.CurrentVersion],
            Capabilities =
            [
                Greeting.Store,
                Greeting.Atomic,
                .. options.Descriptors && stream is UnixStream ? [Greeting.Descriptors] : Array.Empty<string>(),
                .. context.User is null ? Array.Empty<string>() : [Greeting.Replay],
                .. ResumableFiles.AreTaken(context) ? [Greeting.Resume] : Array.Empty<string>(),
            ],
            Limits = ProtocolLimits.Ours(options.MaxFileSize),
            StallTimeout = options.StallTimeout == Timeout.InfiniteTimeSpan ? null : options.StallTimeout,
            Hashes = ContentHash.Algorithms,
            Level = context.Store.HighestLevel,
            Software = Greeting.OurSoftware,
        };
        return new NativeConnection(stream, greeting, options.StallTimeout, options.StallTimeout);
    }

    private static FerryConnectionException Stopping() => new(FerryErrorCode.Stopping, "the server is stopping; send again when it is back");

    private async Task ServeAsync()
    {
        try
        {
            while (await HandleAsync(await NextAsync().ConfigureAwait(false)).ConfigureAwait(false))
            {
            }
        }
        catch (Exception e)
        {
            // First of all, so that workers do not go on for nobody.
            await connection.FailAsync(e as FerryException ?? (e is OperationCanceledException ? Stopping() : NativeConnection.Internal(e))).ConfigureAwait(false);
            throw;
        }
        finally
        {
            await pipeline.EndAsync().ConfigureAwait(false);
            await resumable.EndAsync().ConfigureAwait(false);
        }
    }

    /// <summary>The next frame. Before this waits for the sender, what was gathered begins to be stored and what is to be said is sent.</summary>
    private async ValueTask<Frame> NextAsync()
    {
        if (!connection.Reader.HasFrame)
        {
            await pipeline.StartGatheredAsync().ConfigureAwait(false);
            if (open.Count == 0)
            {
                connection.Reader.ReleaseBuffer();
                delivery.Directories.Dispose();
                mayStop = true;
                StopIfIdle();
            }
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
        }
        else if (connection.Writer.IsBatchFull)
        {
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
        }
        try
        {
            return await connection.Reader.ReadAsync(idleStop.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!connection.Broken.IsCancellationRequested)
        {
            // A stop between entries: everything is stored, and the last receipts may still be on their way.
            await pipeline.EndAsync().ConfigureAwait(false);
            await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
            throw;
        }
        finally
        {
            mayStop = false;
        }
    }

    /// <summary>Between entries, with nothing received and nothing unanswered, a stop may end the session without cutting anything. Called from any thread.</summary>
    private void StopIfIdle()
    {
        if (context.Stopping.IsCancellationRequested && mayStop && pipeline.Unanswered == 0)
        {
            idleStop.Cancel();
        }
    }

    /// <returns>False when the sender is finished.</returns>
    private async ValueTask<bool> HandleAsync(Frame frame)
    {
        if (frame.Type != FrameType.Pass)
        {
            connection.RefuseDescriptors();
        }
        switch (frame.Type)
        {
            case FrameType.Offer:
                Begin(frame);
                return true;
            case FrameType.Content:
                Append(frame);
                return true;
            case FrameType.End:
                await CompleteAsync(frame).ConfigureAwait(false);
                return true;
            case FrameType.Pass:
                await TakePassedAsync(Pass.Read(connection.Reader.Cbor, frame.Payload)).ConfigureAwait(false);
                return true;
            case FrameType.From:
                resumable.BeginFrom(open.Find(frame), From.Read(connection.Reader.Cbor, frame.Payload));
                return true;
            case FrameType.Proof:
                connection.CheckProof(frame);
                return true;
            case FrameType.Delivery:
                pipeline.Keyed = await keyed.BeginAsync(frame, open.Count + pipeline.Unanswered).ConfigureAwait(false);
                if (pipeline.Keyed is { } begun)
                {
                    delivery.Continue(begun);
                }
                return true;
            case FrameType.Alive:
                EmptyMap.Read(connection.Reader.Cbor, "alive", frame.Payload);
                return true;
            case FrameType.Finish:
                await FinishAsync(frame).ConfigureAwait(false);
                return false;
            case FrameType.Failure:
                throw connection.ReadFailure(frame);
            case FrameType.Greeting:
                throw Malformed.SecondGreeting();
            default:
                throw Malformed.UnexpectedFrame(frame.Type);
        }
    }

    private void Begin(Frame frame)
    {
        open.BeginNumber(frame.Entry);
        context.Record.Begin();
        if (open.Count + pipeline.Unanswered == 0)
        {
            delivery.Links.BeginAnew();
        }
        Offer offer = default;
        IncomingEntry? entry = null;
        bool answersLater = false;
        try
        {
            offer = Offer.Read(connection.Reader.Cbor, frame.Payload);
            if (offer.ByDescriptor && !connection.DescriptorsArrive)
            {
                throw Malformed.DescriptorsNotProven();
            }
            entry = new IncomingEntry(frame.Entry, offer, algorithm);
            if (delivery.Trees.Around(offer.Name) is null && keyed.Find(entry) is { } receipt)
            {
                entry.IsReplayed = true;
                open.Add(entry, pipeline.Unanswered);
                pipeline.Answer(entry, receipt);
                return;
            }
            entry.Resumable = resumable.Include(offer) ? resumable : null;
            answersLater = !Accept(entry);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            entry ??= new IncomingEntry(frame.Entry, offer, algorithm);
            entry.Refuse(e);
        }
        open.Add(entry, pipeline.Unanswered);
        if (entry.IsAnsweredEarly)
        {
            Answer(entry, entry.Refusal!);
        }
        else if (entry.Tree is not null || (!entry.IsDirectory && !entry.AwaitsDescriptor && !entry.IsSmall && !answersLater))
        {
            connection.Writer.Add(frame.Entry, new Go());
        }
    }

    /// <returns>False when the entry is answered later.</returns>
    private bool Accept(IncomingEntry entry)
    {
        Offer offer = entry.Offer;
        AtomicTree? touched = delivery.Trees.Touching(offer.Name);
        if (touched is { HasEnded: true })
        {
            throw Malformed.AfterAtomicEnd(entry.Number);
        }
        if (offer.Atomic)
        {
            entry.Tree = BeginTree(offer, touched);
            if (entry.Tree.Refusal is { } refusal)
            {
                throw refusal;
            }
        }
        else if (entry.IsDirectory)
        {
            delivery.CreateDirectory(offer.Name, offer.Metadata.Mode);
        }
        else if (offer.ByDescriptor)
        {
            delivery.Trees.Place(offer.Name);
            entry.AwaitsDescriptor = true;
        }
        else if (entry.IsSmall)
        {
            delivery.Trees.Place(offer.Name);
        }
        else
        {
            return resumable.TakeContent(entry, delivery);
        }
        return true;
    }

    private AtomicTree BeginTree(Offer offer, AtomicTree? touched)
    {
        if (offer.Kind != EntryKind.Directory)
        {
            throw new FerryException(FerryErrorCode.Unsupported, $"{offer.Name} is no directory: only those are stored atomically, files always are");
        }
        if (touched is not null)
        {
            throw new FerryException(FerryErrorCode.Unsupported, $"{offer.Name} lies in a directory that is stored atomically itself");
        }
        return delivery.Trees.Begin(delivery, offer);
    }

    private void Append(Frame frame)
    {
        IncomingEntry entry = open.Find(frame);
        if (entry.IsDirectory)
        {
            throw Malformed.ContentForDirectory(frame.Entry);
        }
        if (entry.AwaitsDescriptor)
        {
            throw Malformed.ContentBeforeGo(frame.Entry);
        }
        entry.CheckMayCome(frame.Type);
        try
        {
            entry.Append(frame.Payload, connection.Reader, delivery);
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            Refuse(entry, e);
        }
    }

    /// <summary>Open files came for entries. One that is missing or unusable is no fault of the sender: its content is then asked for.</summary>
    private async ValueTask TakePassedAsync(Pass pass)
    {
        using ReceivedDescriptors? received = connection.TakeDescriptors();
        if (received?.Count > pass.Entries.Count)
        {
            throw Malformed.UnexpectedDescriptors();
        }
        bool usable = received is { IsComplete: true } && received.Count == pass.Entries.Count;
        for (int i = 0; i < pass.Entries.Count; i++)
        {
            if (open.TakeAwaited(pass.Entries[i]) is not { } entry)
            {
                continue;
            }
            if (usable && PassedFile.Open(received!.Take(i), entry.Offer.Name) is { } source)
            {
                entry.TakeFrom(source);
                await pipeline.AddAsync(entry).ConfigureAwait(false);
            }
            else
            {
                AskForContent(entry);
            }
        }
    }

    private void AskForContent(IncomingEntry entry)
    {
        try
        {
            if (resumable.TakeContent(entry, delivery))
            {
                connection.Writer.Add(entry.Number, new Go());
            }
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            Refuse(entry, e);
        }
    }

    private async ValueTask CompleteAsync(Frame frame)
    {
        IncomingEntry entry = open.Find(frame);
        End end = End.Read(connection.Reader.Cbor, frame.Payload);
        open.Remove(entry);
        if (entry.IsDirectory)
        {
            if (entry.Tree is { } tree)
            {
                if (open.HasAny(tree.Contains))
                {
                    throw Malformed.AtomicEndEarly(frame.Entry);
                }
                tree.HasEnded = true;
            }
        }
        else if (entry.IsSettled)
        {
            return;
        }
        else if (entry.Resumable is not null)
        {
            await resumable.SettleAsync(entry, end).ConfigureAwait(false);
            if (entry.IsSettled)
            {
                return;
            }
        }
        entry.Finish(end);
        await pipeline.AddAsync(entry).ConfigureAwait(false);
    }

    private void Refuse(IncomingEntry entry, FerryException reason)
    {
        entry.Refuse(reason);
        Answer(entry, reason);
    }

    private void Answer(IncomingEntry entry, FerryException refusal) =>
        pipeline.Answer(entry, context.Store.NotStored(entry.Offer.Name, entry.Offer.Kind, refusal));

    private async Task FinishAsync(Frame frame)
    {
        EmptyMap.Read(connection.Reader.Cbor, "finish", frame.Payload);
        if (open.Count + pipeline.Unanswered > 0)
        {
            throw Malformed.FinishedEarly(open.Count + pipeline.Unanswered);
        }
        connection.Writer.Add(0, new Finish());
        await connection.Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
    }
}
