using Microsoft.Extensions.Logging;

namespace Ferry;

/// <summary>Options of a <see cref="FerryClient"/>.</summary>
public sealed class FerryClientOptions
{
    /// <summary>How long the server may say nothing before the connection counts as lost. Default: 60 seconds. <see cref="Timeout.InfiniteTimeSpan"/> turns it off.</summary>
    public TimeSpan StallTimeout { get; set; } = TimeSpan.FromSeconds(60);

    /// <summary>How long to wait for a server to appear at the address and answer. Default: zero, one attempt. The infinite time span waits for ever.</summary>
    public TimeSpan Wait { get; set; } = TimeSpan.Zero;

    /// <summary>
    /// Whether open files may be passed to a server in the same kernel, which then clones or copies them itself. Default: true. Through a relay content is
    /// streamed in any case.
    /// </summary>
    public bool Descriptors { get; set; } = true;

    /// <summary>
    /// How many times in a row to connect again when the connection is lost or stalls, or the server is busy, stopping or, after it was there, missing. The pauses
    /// grow from 0.1 to 10 seconds; a receipt begins the count anew. Default: 0, never.
    /// </summary>
    public int Retries { get; set; }

    /// <summary>Hears of each of these attempts before it is made. Default: null.</summary>
    public IProgress<ReconnectAttempt>? Reconnecting { get; set; }

    /// <summary>Where to log. Default: null, nowhere.</summary>
    public ILoggerFactory? LoggerFactory { get; set; }

    /// <summary>The clock of the pauses.</summary>
    internal TimeProvider Time { get; init; } = TimeProvider.System;
}
