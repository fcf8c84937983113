namespace Ferry.Server;

/// <summary>What one connection delivers: counted, logged and told to the observers. Any thread of the connection may use it.</summary>
internal sealed class DeliveryRecord(string peer, DeliveryLog log)
{
    private readonly Dictionary<ReceiptResult, int> counts = [];
    private int lessSafe;
    private bool begun;

    /// <summary>Who sends, in words.</summary>
    public string Peer => peer;

    public Microsoft.Extensions.Logging.ILogger Logger => log.Logger;

    /// <summary>Something was offered: from now on this is a delivery.</summary>
    public void Begin()
    {
        if (!begun)
        {
            begun = true;
            log.Begun(peer);
        }
    }

    /// <summary>An entry is over.</summary>
    /// <param name="receipt">What the sender is told.</param>
    /// <param name="asked">How safely the sender wanted it stored; null when it did not say.</param>
    public void Add(Receipt receipt, Durability? asked = null)
    {
        lock (counts)
        {
            counts[receipt.Result] = counts.GetValueOrDefault(receipt.Result) + 1;
            lessSafe += receipt.Result == ReceiptResult.Stored && receipt.Level < asked ? 1 : 0;
        }
        if (!receipt.IsWhole)
        {
            ServerLog.NotStored(log.Logger, receipt.Name, peer, receipt.Result.WireName(), receipt.Reason);
        }
        else if (receipt.Kind == EntryKind.File && receipt.Result == ReceiptResult.Stored)
        {
            log.Stored(receipt, peer);
            if (receipt.ResumedFrom is { } offset)
            {
                ServerLog.Resumed(log.Logger, receipt.Name, offset, receipt.Size);
            }
        }
        foreach (IDeliveryObserver observer in log.Observers)
        {
            observer.Received(receipt);
        }
    }

    /// <summary>A directory that arrived whole has its name.</summary>
    public void AddTree(Receipt receipt, int entries) => ServerLog.StoredTree(log.Logger, receipt.Name, entries, receipt.Level?.WireName(), peer);

    /// <summary>The connection is over.</summary>
    /// <param name="failure">Why it failed; null when it did not.</param>
    public void End(FerryException? failure)
    {
        if (!begun)
        {
            if (failure is not null)
            {
                ServerLog.NothingDelivered(log.Logger, peer, failure.Message);
            }
            return;
        }
        if (failure is not null)
        {
            ServerLog.DeliveryFailed(log.Logger, peer, failure.Code.WireName(), failure.Message);
        }
        else
        {
            ServerLog.DeliveryEnded(log.Logger, peer, counts.GetValueOrDefault(ReceiptResult.Stored) + counts.GetValueOrDefault(ReceiptResult.Held), counts.Values.Sum());
        }
        var summary = new DeliverySummary(peer, counts, lessSafe, failure?.Code);
        foreach (IDeliveryObserver observer in log.Observers)
        {
            observer.Ended(summary);
        }
    }
}
