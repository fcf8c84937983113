using Microsoft.Extensions.Logging;

namespace Ferry.Server;

/// <summary>Every event that a server logs, with its number for good.</summary>
internal static partial class ServerLog
{
    [LoggerMessage(1, LogLevel.Information, "Server started at {Address}, receiving into {Root}; who may connect: {Policy}; {Level}")]
    public static partial void Started(ILogger logger, FerryAddress address, string root, string policy, string level);

    [LoggerMessage(2, LogLevel.Information, "Waiting for a connection...")]
    public static partial void Waiting(ILogger logger);

    [LoggerMessage(3, LogLevel.Information, "Connection established! {Peer}")]
    public static partial void ConnectionEstablished(ILogger logger, string peer);

    [LoggerMessage(4, LogLevel.Information, "Stored {Name}: {Size} bytes, {Hash}, {Level}, from {Peer}")]
    public static partial void Stored(ILogger logger, FerryPath name, long size, string? hash, string? level, string peer);

    [LoggerMessage(5, LogLevel.Information, "Stored {Count} more files")]
    public static partial void MoreStored(ILogger logger, int count);

    [LoggerMessage(6, LogLevel.Warning, "Not stored: {Name} from {Peer}: {Result}: {Reason}")]
    public static partial void NotStored(ILogger logger, FerryPath name, string peer, string result, string? reason);

    [LoggerMessage(7, LogLevel.Debug, "Delivery ended: {Stored} of {Entries} entries stored, from {Peer}")]
    public static partial void DeliveryEnded(ILogger logger, string peer, int stored, int entries);

    [LoggerMessage(8, LogLevel.Warning, "Delivery failed: {Code}: {Reason}, from {Peer}; what has no receipt is not visible")]
    public static partial void DeliveryFailed(ILogger logger, string peer, string code, string reason);

    [LoggerMessage(9, LogLevel.Debug, "A connection from {Peer} delivered nothing: {Reason}")]
    public static partial void NothingDelivered(ILogger logger, string peer, string reason);

    [LoggerMessage(10, LogLevel.Warning, "Refused {Peer}: {Code}: {Reason}")]
    public static partial void Refused(ILogger logger, string peer, string code, string reason);

    [LoggerMessage(11, LogLevel.Warning, "Cannot accept connections: {Reason}; trying again until it works")]
    public static partial void AcceptFailed(ILogger logger, string reason);

    [LoggerMessage(12, LogLevel.Information, "Stopping: {Count} connections have {Grace} to finish")]
    public static partial void Stopping(ILogger logger, int count, TimeSpan grace);

    [LoggerMessage(13, LogLevel.Warning, "{Count} connections did not finish in time and were cut; nothing half-stored is visible")]
    public static partial void Cut(ILogger logger, int count);

    [LoggerMessage(14, LogLevel.Information, "Server stopped")]
    public static partial void Stopped(ILogger logger);

    [LoggerMessage(15, LogLevel.Warning, "{Note}")]
    public static partial void Note(ILogger logger, string note);

    [LoggerMessage(16, LogLevel.Error, "Internal error on a connection; it has ended, the others go on")]
    public static partial void InternalError(ILogger logger, Exception exception);

    [LoggerMessage(17, LogLevel.Information, "Established {Count} more connections")]
    public static partial void MoreEstablished(ILogger logger, int count);

    [LoggerMessage(18, LogLevel.Warning, "Refused {Count} more connections")]
    public static partial void MoreRefused(ILogger logger, int count);

    [LoggerMessage(20, LogLevel.Information, "Stored {Name} in one step: a directory with {Entries} entries in it, {Level}, from {Peer}")]
    public static partial void StoredTree(ILogger logger, FerryPath name, int entries, string? level, string peer);

    [LoggerMessage(40, LogLevel.Information, "Kept {Size} bytes of {Name}, which uid {User} can go on with by sending it again")]
    public static partial void Kept(ILogger logger, FerryPath name, long size, uint user);

    [LoggerMessage(41, LogLevel.Information, "Removed the {Size} bytes of {Name} that had arrived from uid {User}: {Why}")]
    public static partial void Dropped(ILogger logger, FerryPath name, long size, uint user, string why);

    [LoggerMessage(42, LogLevel.Warning, "{Name} arrives from {Peer} while another connection of the same user sends it: it cannot be resumed")]
    public static partial void SentTwice(ILogger logger, FerryPath name, string peer);

    [LoggerMessage(43, LogLevel.Information, "Resumed {Name}: {Offset} of its {Size} bytes had arrived earlier")]
    public static partial void Resumed(ILogger logger, FerryPath name, long offset, long size);

    [LoggerMessage(19, LogLevel.Information, "Connections can be accepted again")]
    public static partial void AcceptsAgain(ILogger logger);
}
