using Ferry.Files;
using Ferry.Transport;
using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>A connection that a delivery can use.</summary>
/// <param name="Connection">It has greeted, and somebody reads it.</param>
/// <param name="Algorithm">The hash that both sides named.</param>
/// <param name="NextNumber">Gives entry numbers, which grow over all connections of a client.</param>
internal sealed record ClientLink(NativeConnection Connection, string Algorithm, Func<uint> NextNumber);

/// <summary>How a delivery outlives a connection.</summary>
/// <param name="Key">What the server knows it by on the next connection; null where it has none.</param>
/// <param name="FirstFailure">The failure to act upon: what the server said, where it said something.</param>
/// <param name="Reconnect">Makes another connection, or throws what the delivery fails with; null where a lost connection is the end.</param>
internal sealed record DeliveryTerms(
    byte[]? Key, Func<Exception, Task<FerryException>> FirstFailure, Func<FerryConnectionException, Task<ClientLink>>? Reconnect);

/// <content>
/// What happens when a connection is lost and another is made: the walk goes on where it is, and only what has no receipt is offered again.
/// Nothing is done about it in the middle of something; <see cref="WaitUntilAsync"/> does, before anything new is offered.
/// </content>
internal sealed partial class NativeDelivery
{
    private OutgoingEntry? streaming;
    private bool lastIsPassed;

    private bool IsInterrupted => terms.Reconnect is not null && connection.Failure is not null;

    /// <summary>True while something of a lost connection comes before anything new.</summary>
    private bool NeedsCare => IsInterrupted || Entries.HasAgain;

    private bool CanOfferAgain => !AwaitsTree && Entries.TryPeekAgain(out OutgoingEntry? next) && (next.Kind == EntryKind.Directory || waiting < MostWaitingNow);

    [System.Diagnostics.CodeAnalysis.MemberNotNull(nameof(connection), nameof(algorithm), nameof(offers), nameof(smallFiles))]
    private void Attach(ClientLink link)
    {
        connection = link.Connection;
        algorithm = Entries.Algorithm = link.Algorithm;
        ProtocolLimits limits = connection.Peer.Limits;
        window = Math.Min(limits.Entries, ProtocolLimits.MaxEntries);
        mostFound = jobs == 1 ? 1 : (int)Math.Min(jobs * FoundPerJob, window);
        mostPassed = connection.DescriptorsArrive && !options.Checksum ? Math.Min(limits.Descriptors, MostPassed) : 0;
        pieceSize = (int)Math.Min(limits.ContentBytes, LargestPiece);
        bool isKeyed = terms.Key is not null && connection.Peer.Capabilities.Contains(Greeting.Replay);
        if (isKeyed)
        {
            Writer.Add(0, new DeliveryKey(terms.Key!));
        }
        offers = new Offers(Writer, Entries, link.NextNumber, options.Durability, isKeyed, connection.BothName(Greeting.Resume));
        int largest = (int)Math.Min(Math.Min(limits.InlineBytes, ProtocolLimits.MaxInlineBytes), pieceSize);
        smallFiles = new SmallFiles(offers, Entries, progress, algorithm, largest);
    }

    private async ValueTask FlushAsync()
    {
        try
        {
            await Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
        }
        catch (Exception e) when (CanGoOnAfter(e))
        {
            await LoseAsync(e).ConfigureAwait(false);
        }
    }

    private async ValueTask ChangedAsync()
    {
        try
        {
            await Entries.ChangedAsync(connection.Broken).ConfigureAwait(false);
        }
        catch (Exception e) when (CanGoOnAfter(e))
        {
            await LoseAsync(e).ConfigureAwait(false);
        }
    }

    /// <summary>A connection that the reader gave up is closed under the hands of whoever writes.</summary>
    private bool CanGoOnAfter(Exception e) => terms.Reconnect is not null
        && (e is FerryConnectionException || (e is OperationCanceledException or ObjectDisposedException && connection.Failure is not null));

    /// <summary>Notes that the connection is lost, with the reason that counts.</summary>
    private Task<FerryException> LoseAsync(Exception e) => terms.FirstFailure(e);

    /// <summary>Makes another connection where one was lost, and offers again what may be offered now.</summary>
    private async Task GoOnAsync()
    {
        while (IsInterrupted)
        {
            ClientLink link = await terms.Reconnect!(connection.Failure!).ConfigureAwait(false);
            Restart();
            Attach(link);
        }
        while (CanOfferAgain && Entries.TryPeekAgain(out OutgoingEntry? entry))
        {
            Entries.TakeAgain();
            if (entry.Tree is { IsAnswered: true, Stored: { } stored })
            {
                SettleWith(stored, entry);
            }
            else
            {
                OfferAgain(entry);
            }
        }
    }

    private void Restart()
    {
        (IReadOnlyCollection<OutgoingEntry> again, IReadOnlyCollection<OutgoingEntry> owed) = Entries.Interrupt();
        foreach (OutgoingEntry entry in again)
        {
            if (entry.Own is { } own)
            {
                own.IsOver = false;
                if (entry.IsHalfOver)
                {
                    // A directory that is open takes no slot.
                    Entries.FreeSlot();
                }
            }
            else if (entry.IsHalfOver && entry.Origin is not null)
            {
                // It is closed by now.
                entry.Content = null;
            }
            entry.Restart();
            progress.Sent(-entry.Counted);
            entry.Counted = 0;
        }
        passing.Clear();
        lastIsPassed = false;
        waiting = owed.Count;
        if (streaming is { IsAnswered: true } cut)
        {
            waiting++;
            Entries.MakeReady(cut);
            owed = [.. owed, cut];
        }
        streaming = null;
        beginning = null;
        CountDirectories(again, owed);
    }

    /// <summary>Counts anew what is under way in each directory.</summary>
    private void CountDirectories(IReadOnlyCollection<OutgoingEntry> again, IReadOnlyCollection<OutgoingEntry> owed)
    {
        HashSet<OpenDirectory> all = [];
        Collect(directory);
        foreach (OutgoingEntry entry in again)
        {
            Collect(entry.Own);
            Collect(entry.Directory);
        }
        foreach (OutgoingEntry entry in owed)
        {
            Collect(entry.Directory);
        }
        foreach (OpenDirectory each in all)
        {
            each.Restart();
        }
        for (OpenDirectory? walking = directory; walking is not null; walking = walking.Parent)
        {
            walking.Begin();
        }
        foreach (OpenDirectory below in all.Where(each => !each.IsOver))
        {
            below.Parent?.Begin();
        }
        foreach (OutgoingEntry file in again.Where(entry => entry.Own is null).Concat(owed))
        {
            file.Directory?.Begin();
        }
        ending.Clear();
        foreach (OpenDirectory due in all.Where(each => each.IsDue))
        {
            ending.Enqueue(due);
        }

        void Collect(OpenDirectory? from)
        {
            for (OpenDirectory? each = from; each is not null && all.Add(each); each = each.Parent)
            {
            }
        }
    }

    /// <summary>What is in an atomic directory that is stored, as its receipt says at last, is stored with it.</summary>
    private void SettleWith(Receipt tree, OutgoingEntry entry)
    {
        if (entry.Own is not null)
        {
            Entries.TakeSlot();
        }
        Entries.Settle(entry, new Receipt
        {
            Name = entry.Name,
            Kind = entry.Kind,
            Result = ReceiptResult.Held,
            Size = entry.Size ?? 0,
            Level = tree.Level,
            Replayed = true,
        });
        entry.Content?.Dispose();
        entry.Own?.IsOver = true;
        Complete(entry.Own is null ? entry.Directory : entry.Own.Parent);
    }

    private void OfferAgain(OutgoingEntry entry)
    {
        if (entry.Kind == EntryKind.Directory)
        {
            OfferDirectory(entry);
            return;
        }
        FerryException? reason = null;
        SourceFile? reopened = null;
        if (entry.Content is { } content && !content.TryRewind())
        {
            entry.Content = new OutgoingContent.Gone(null, new FerryException(FerryErrorCode.GivenUp, "its content had begun to flow and cannot be read twice"));
        }
        else if (entry.Content is null)
        {
            try
            {
                reopened = entry.Origin!.Open();
            }
            catch (FerryException e)
            {
                reason = e;
            }
        }
        if (entry.Content is null && smallFiles.IsSmall(entry.Size))
        {
            if (reopened is null)
            {
                smallFiles.GiveUp(entry, reason!);
            }
            else
            {
                smallFiles.Send(entry, reopened);
            }
            Complete(entry.Directory);
            return;
        }
        entry.Content ??= reopened is null ? new OutgoingContent.Gone(entry.Size, reason!) : new OutgoingContent.OfFile(reopened);
        Offer(entry);
    }
}
