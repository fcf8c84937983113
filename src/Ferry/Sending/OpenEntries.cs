using System.Collections.Concurrent;
using System.Threading.Channels;
using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>
/// What stands between the task that sends and the task that reads the receiver's answers: the entries not yet over, the answers, and
/// the signal that something changed. Bounded by <see cref="SlotsTaken"/>, which the sender keeps below the receiver's limit.
/// </summary>
internal sealed class OpenEntries(bool skipSpecial)
{
    private readonly ConcurrentDictionary<uint, OutgoingEntry> open = new();
    private readonly ConcurrentQueue<OutgoingEntry> ready = new();

    /// <summary>Entries of a connection that was lost, to be offered again in this order.</summary>
    private readonly Queue<OutgoingEntry> again = new();
    private readonly Channel<(Receipt Receipt, OutgoingEntry? Entry)> receipts = Channel.CreateUnbounded<(Receipt, OutgoingEntry?)>();
    private readonly Channel<bool> changed = Channel.CreateBounded<bool>(new BoundedChannelOptions(1) { FullMode = BoundedChannelFullMode.DropWrite });
    private long slotsTaken;
    private long answered;

    /// <summary>The hash of the connection.</summary>
    public string Algorithm { get; set; } = "";

    /// <summary>Receipts that have come.</summary>
    public long Answered => Interlocked.Read(ref answered);

    /// <summary>True when entries are still to be offered again.</summary>
    public bool HasAgain => again.Count > 0;

    /// <summary>Entries that are offered and not over, where a receipt counts until the caller has taken it.</summary>
    public long SlotsTaken => Interlocked.Read(ref slotsTaken);

    /// <summary>True when every entry has its receipt.</summary>
    public bool IsEmpty => open.IsEmpty && !HasAgain;

    /// <summary>True when content waits for the sender.</summary>
    public bool HasReady => !ready.IsEmpty;

    public void TakeSlot() => Interlocked.Increment(ref slotsTaken);

    /// <summary>Gives back what <see cref="TakeSlot"/> took.</summary>
    public void FreeSlot()
    {
        Interlocked.Decrement(ref slotsTaken);
        Signal();
    }

    /// <summary>The connection was lost, and nothing comes from it any more: every entry without a receipt is to be offered again, in the order it had.</summary>
    /// <returns>Those entries, and those that were answered and whose end the sender owes.</returns>
    public (IReadOnlyCollection<OutgoingEntry> Again, IReadOnlyCollection<OutgoingEntry> Owed) Interrupt()
    {
        // What was offered again on that connection comes before what was still to be, whatever their numbers.
        OutgoingEntry[] left = [.. open.Values.OrderBy(entry => entry.Number), .. again];
        open.Clear();
        again.Clear();
        OutgoingEntry[] owed = [.. ready.Where(entry => entry.IsAnswered)];
        ready.Clear();
        Array.ForEach(left, again.Enqueue);
        Array.ForEach(owed, ready.Enqueue);
        return (left, owed);
    }

    /// <summary>The next entry to be offered again.</summary>
    public bool TryPeekAgain([System.Diagnostics.CodeAnalysis.NotNullWhen(true)] out OutgoingEntry? entry) => again.TryPeek(out entry);

    /// <summary>Takes it.</summary>
    public void TakeAgain() => again.Dequeue();

    public void Add(OutgoingEntry entry) => open[entry.Number] = entry;

    /// <summary>The next entry whose content may go, or that was answered while it waited.</summary>
    public bool TryTakeReady(out OutgoingEntry? entry) => ready.TryDequeue(out entry);

    /// <summary>Waits until an answer came or the caller took a receipt.</summary>
    public ValueTask<bool> ChangedAsync(CancellationToken cancellationToken) => changed.Reader.ReadAsync(cancellationToken);

    /// <summary>The receiver says go.</summary>
    public void OnGo(uint number, in Go go)
    {
        if (!open.TryGetValue(number, out OutgoingEntry? entry) || (entry.Content is null && !entry.IsAtomic) || entry.MayGo || entry.IsAnswered)
        {
            throw Malformed.UnknownEntry(FrameType.Go, number);
        }
        if (go.Offset is { } offset)
        {
            CheckOffset(entry, offset, go.Hash!);
        }
        entry.Go = go;
        entry.MayGo = true;
        if (entry.IsAtomic)
        {
            Signal();
        }
        else
        {
            MakeReady(entry);
        }
    }

    /// <summary>The receiver's receipt for an entry.</summary>
    public void OnReceipt(uint number, ReceiptMessage message)
    {
        if (!open.TryGetValue(number, out OutgoingEntry? entry) || entry.IsAnswered)
        {
            throw Malformed.UnknownEntry(FrameType.Receipt, number);
        }
        Receipt receipt = entry.ToReceipt(message, Algorithm);
        entry.IsAnswered = true;
        Interlocked.Increment(ref answered);
        if (!receipt.IsWhole)
        {
            entry.Tree?.Miss();
        }
        entry.Stored = receipt.Result == ReceiptResult.Stored && entry.IsAtomic ? receipt : null;
        receipts.Writer.TryWrite((receipt, entry));
        open.TryRemove(number, out _);
        if (entry.Content is not null && !entry.MayGo)
        {
            MakeReady(entry); // the sender still owes its end
        }
        Signal();
    }

    /// <summary>A receipt of the sender's own for an entry that is not offered again, because what became of it is known.</summary>
    public void Settle(OutgoingEntry entry, Receipt receipt)
    {
        entry.IsAnswered = true;
        receipts.Writer.TryWrite((receipt, entry));
        CompleteHalf(entry);
    }

    /// <summary>A receipt of the sender's own, for something that is never offered. Its slot is taken.</summary>
    /// <param name="receipt">The receipt.</param>
    /// <param name="tree">The atomic directory in which it is missing now; null for most.</param>
    public void AddUnsent(Receipt receipt, OutgoingEntry? tree)
    {
        if (receipt.Result != ReceiptResult.Special || !skipSpecial)
        {
            tree?.Miss();
        }
        receipts.Writer.TryWrite((receipt, null));
    }

    /// <summary>Notes that the entry's end was sent, or that the caller took its receipt.</summary>
    public void CompleteHalf(OutgoingEntry entry)
    {
        if (entry.CompleteHalf())
        {
            FreeSlot();
        }
    }

    /// <summary>All receipts in the order in which they came, until <see cref="Complete"/>.</summary>
    /// <exception cref="FerryException">What <see cref="Complete"/> was given.</exception>
    public async IAsyncEnumerable<Receipt> ReceiptsAsync()
    {
        await foreach ((Receipt receipt, OutgoingEntry? entry) in receipts.Reader.ReadAllAsync().ConfigureAwait(false))
        {
            yield return receipt;
            if (entry is null)
            {
                FreeSlot();
            }
            else
            {
                CompleteHalf(entry);
            }
        }
    }

    /// <summary>No more receipts will come, because all have or because of a failure; entries without one are then unknown.</summary>
    public void Complete(Exception? failure)
    {
        if (failure is not null)
        {
            foreach (OutgoingEntry entry in open.Values.OrderBy(entry => entry.Number).Concat(again))
            {
                receipts.Writer.TryWrite((Unknown(entry, failure.Message), entry));
                entry.Content?.Dispose();
            }
        }
        receipts.Writer.Complete(failure);
    }

    private void CheckOffset(OutgoingEntry entry, long offset, byte[] hash)
    {
        if (!entry.Resumable)
        {
            throw Malformed.OffsetUnasked(entry.Number);
        }
        if (offset > entry.Content!.Size)
        {
            throw Malformed.OffsetBeyond(entry.Number, offset, entry.Content.Size.Value);
        }
        if (hash.Length != ContentHash.LengthOf(Algorithm))
        {
            throw Malformed.HashLength("[go.hash]");
        }
    }

    public static Receipt Unknown(OutgoingEntry entry, string reason) => new()
    {
        Name = entry.Name,
        Kind = entry.Kind,
        Result = ReceiptResult.Unknown,
        Code = FerryErrorCode.ConnectionLost,
        Reason = $"no receipt came, so it may or may not be stored: {reason}",
    };

    public void MakeReady(OutgoingEntry entry)
    {
        ready.Enqueue(entry);
        Signal();
    }

    private void Signal() => changed.Writer.TryWrite(true);
}
