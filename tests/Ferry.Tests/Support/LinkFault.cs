namespace Ferry.Tests.Support;

/// <summary>What a flaky link does once enough bytes have gone one way.</summary>
public enum LinkFault
{
    /// <summary>Closes both sides, with nothing left unread: an orderly end, at the wrong time.</summary>
    Close,

    /// <summary>Closes both sides with bytes unread where there are any, which is how a Unix socket resets: its peer gets ECONNRESET.</summary>
    Reset,

    /// <summary>Passes nothing on any more, either way, and closes nothing.</summary>
    Stall,
}
