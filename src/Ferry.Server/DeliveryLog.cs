using Microsoft.Extensions.Logging;

namespace Ferry.Server;

/// <summary>
/// What all deliveries have in common: where they are logged and who hears of them. Connections, stored files and refused peers get a line
/// each up to a rate; an entry that was not stored always does.
/// </summary>
internal sealed class DeliveryLog(ILogger logger, IReadOnlyList<IDeliveryObserver> observers, TimeProvider time) : IDisposable
{
    private readonly LineRate established = new(time, count => ServerLog.MoreEstablished(logger, count));
    private readonly LineRate stored = new(time, count => ServerLog.MoreStored(logger, count));
    private readonly LineRate refused = new(time, count => ServerLog.MoreRefused(logger, count));

    public ILogger Logger => logger;

    public IReadOnlyList<IDeliveryObserver> Observers => observers;

    /// <summary>Somebody offers something.</summary>
    public void Begun(string peer)
    {
        if (established.MayLog())
        {
            ServerLog.ConnectionEstablished(logger, peer);
        }
    }

    /// <summary>A file is stored. Who listens to every detail gets every line.</summary>
    public void Stored(Receipt receipt, string peer)
    {
        if (logger.IsEnabled(LogLevel.Debug) || stored.MayLog())
        {
            ServerLog.Stored(logger, receipt.Name, receipt.Size, receipt.Hash, receipt.Level?.WireName(), peer);
        }
    }

    /// <summary>A peer is turned away.</summary>
    public void Refused(FerryException reason, string peer)
    {
        if (refused.MayLog())
        {
            ServerLog.Refused(logger, peer, reason.Code.WireName(), reason.Message);
        }
    }

    public void Dispose()
    {
        established.Dispose();
        stored.Dispose();
        refused.Dispose();
    }
}
