using Ferry.Server.Storage;

namespace Ferry.Server;

/// <summary>What a session works with.</summary>
/// <param name="Options">The server's options.</param>
/// <param name="Store">Where content goes.</param>
/// <param name="Record">Hears of what is offered and what becomes of it.</param>
/// <param name="Stopping">Cancelled when the server stops: what is in flight may finish, nothing new begins.</param>
/// <param name="Abort">Cancelled when the time of grace is over.</param>
internal sealed record SessionContext(
    FerryServerOptions Options,
    Store Store,
    DeliveryRecord Record,
    CancellationToken Stopping,
    CancellationToken Abort)
{
    /// <summary>The user of the peer; null where the kernel does not know it, or does not know it to us.</summary>
    public uint? User { get; init; }
}
