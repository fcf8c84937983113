using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Sending;

/// <content>Content that waits for an answer: open files that are passed, and what is streamed.</content>
internal sealed partial class NativeDelivery
{
    /// <summary>Offers content that waits for an answer; its slot is taken.</summary>
    private async Task OfferAndWaitAsync(OutgoingEntry entry)
    {
        entry.Directory = directory;
        directory?.Begin();
        Offer(entry);
        if (entry.Passed >= LeastPassedAtOnce)
        {
            await PassAsync().ConfigureAwait(false);
        }
        await WaitUntilAsync(() => waiting < MostWaitingNow).ConfigureAwait(false);
    }

    /// <summary>How many may wait for an answer, by the way in which the one offered last is to be sent.</summary>
    private long MostWaitingNow => lastIsPassed ? mostPassed : MostWaiting;

    private void Offer(OutgoingEntry entry)
    {
        waiting++;
        OutgoingContent content = entry.Content!;
        SafeFileHandle? passable = mostPassed > 0 ? content.Passable : null;
        entry.Passed = passable is null ? null : content.Size;
        lastIsPassed = passable is not null;
        offers.Add(entry);
        if (passable is not null)
        {
            passing.Add((entry.Number, passable));
        }
    }

    /// <summary>Passes the files gathered, with one message.</summary>
    private async Task PassAsync()
    {
        if (passing.Count == 0)
        {
            return;
        }
        try
        {
            await connection.PassAsync([.. passing.Select(item => item.Entry)], [.. passing.Select(item => item.File)]).ConfigureAwait(false);
            passing.Clear();
        }
        catch (Exception e) when (CanGoOnAfter(e))
        {
            await LoseAsync(e).ConfigureAwait(false);
        }
    }

    private async Task SendReadyAsync()
    {
        while (!IsInterrupted && Entries.TryTakeReady(out OutgoingEntry? entry))
        {
            waiting--;
            // Refused before it was passed, it is not passed any more.
            passing.RemoveAll(item => item.Entry == entry!.Number);
            OutgoingContent content = entry!.Content!;
            if (entry.IsAnswered)
            {
                progress.Sent(entry.Passed ?? 0);
                End(entry, Wire.End.WithoutContent);
            }
            else if (await StreamAsync(entry, content).ConfigureAwait(false) is { } end)
            {
                End(entry, end);
            }
            else
            {
                streaming = entry;
                return;
            }
            content.Dispose();
            Complete(entry.Directory);
        }
    }

    /// <summary>Sends content in frames of its own and says how it ended. Stops early when the receiver has answered already.</summary>
    /// <returns>Null when the connection was lost and another is to be made.</returns>
    private async Task<End?> StreamAsync(OutgoingEntry entry, OutgoingContent content)
    {
        piece ??= GC.AllocateUninitializedArray<byte>(FrameHeader.Size + pieceSize);
        ContentHash hash = ContentHash.Create(algorithm);
        long left = content.Size ?? long.MaxValue;
        long sent = 0;
        try
        {
            if (entry.Go.Offset is not null)
            {
                (hash, sent) = await ResumeAsync(entry, content, hash).ConfigureAwait(false);
                left -= sent;
            }
            while (left > 0 && !entry.IsAnswered)
            {
                int most = (int)Math.Min(left, pieceSize);
                int read = await content.ReadAsync(piece.AsMemory(FrameHeader.Size, most), connection.Broken).ConfigureAwait(false);
                if (read == 0)
                {
                    break;
                }
                hash.Append(piece.AsSpan(FrameHeader.Size, read));
                await Writer.SendContentAsync(entry.Number, piece.AsMemory(0, FrameHeader.Size + read), connection.Broken).ConfigureAwait(false);
                left -= read;
                sent += read;
                entry.Counted += read;
                progress.Sent(read);
            }
            if (entry.IsAnswered)
            {
                return Wire.End.GivenUp(FerryErrorCode.GivenUp, "the receipt came before the end");
            }
            return sent < content.Size || content.HasChanged() ? SmallFiles.Changed(entry.Name) : Whole(entry, sent, hash.Finish());
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            return Wire.End.GivenUp(e.Code, e.Message);
        }
        catch (Exception e) when (CanGoOnAfter(e))
        {
            await LoseAsync(e).ConfigureAwait(false);
            return null;
        }
        finally
        {
            hash.Dispose();
        }
    }

    /// <summary>Answers a go with an offset: content goes on from there, or begins anew where the source begins with other bytes than the receiver holds.</summary>
    private async Task<(ContentHash Hash, long Sent)> ResumeAsync(OutgoingEntry entry, OutgoingContent content, ContentHash hash)
    {
        // What was gathered does not wait for the reading.
        await Writer.FlushAsync(connection.Broken).ConfigureAwait(false);
        long offset = entry.Go.Offset!.Value;
        if (await ResumedContent.IsSameAsync(content, entry.Go, hash, piece.AsMemory(), connection.Broken).ConfigureAwait(false))
        {
            entry.Counted += offset;
            progress.Sent(offset);
        }
        else
        {
            content.TryRewind();
            hash.Dispose();
            (hash, offset) = (ContentHash.Create(algorithm), 0);
        }
        Writer.Add(entry.Number, new From(offset));
        return (hash, offset);
    }

    private static End Whole(OutgoingEntry entry, long size, byte[] hash)
    {
        entry.Sent = (size, hash);
        return Wire.End.OfFile(size, hash);
    }
}
