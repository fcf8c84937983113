namespace Ferry.Sending;

/// <summary>Connects again after a connection was lost: so many times in a row, with pauses that grow.</summary>
/// <param name="options">How many times, and who is told.</param>
internal sealed class Reconnection(FerryClientOptions options)
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan LongestPause = TimeSpan.FromSeconds(10);

    private int attempts;

    /// <summary>The count begins anew: the last connection was of use.</summary>
    public void Restart() => attempts = 0;

    /// <summary>Whether a server may be back after this. Nothing is tried again that would fail in the same way.</summary>
    /// <param name="code">The failure.</param>
    /// <param name="wasThere">Whether there was a server before.</param>
    public static bool MayPass(FerryErrorCode code, bool wasThere) =>
        code is FerryErrorCode.ConnectionLost or FerryErrorCode.Stalled or FerryErrorCode.Busy or FerryErrorCode.Stopping
        || (wasThere && code == FerryErrorCode.NoServer);

    /// <summary>Connects, and again until that works.</summary>
    /// <param name="lost">Why it is necessary; null for the first connection of all.</param>
    /// <param name="connect">One attempt.</param>
    /// <param name="cancellationToken">Gives it up.</param>
    /// <exception cref="FerryConnectionException">The attempts are used up, or another would fail in the same way.</exception>
    public async Task<T> ConnectAsync<T>(FerryConnectionException? lost, Func<CancellationToken, Task<T>> connect, CancellationToken cancellationToken)
    {
        FerryConnectionException? latest = lost;
        bool wasThere = lost is not null;
        while (true)
        {
            if (latest is not null)
            {
                await PauseAsync(latest, lost, wasThere, cancellationToken).ConfigureAwait(false);
            }
            try
            {
                return await connect(cancellationToken).ConfigureAwait(false);
            }
            catch (FerryConnectionException e) when (options.Retries > 0)
            {
                latest = e;
                wasThere |= e.Code != FerryErrorCode.NoServer;
            }
        }
    }

    private async Task PauseAsync(FerryConnectionException latest, FerryConnectionException? lost, bool wasThere, CancellationToken cancellationToken)
    {
        if (!MayPass(latest.Code, wasThere))
        {
            throw new FerryConnectionException(latest.Code, latest.Message, latest) { IsFinal = true };
        }
        if (attempts == options.Retries)
        {
            throw Exhausted(latest, lost ?? latest);
        }
        TimeSpan pause = FirstPause * Math.Pow(2, Math.Min(attempts, 20));
        pause = pause < LongestPause ? pause : LongestPause;
        // Many that lost the same server do not come back in one moment.
        pause *= 0.5 + Random.Shared.NextDouble() / 2;
        attempts++;
        options.Reconnecting?.Report(new ReconnectAttempt(attempts, options.Retries, pause, latest.Code, latest.Message));
        await Task.Delay(pause, options.Time, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>What was lost in the beginning is the failure; the last attempt tells why it could not be made good.</summary>
    private FerryConnectionException Exhausted(FerryConnectionException latest, FerryConnectionException lost)
    {
        string times = options.Retries == 1 ? "once" : $"{options.Retries} times";
        string rest = lost == latest ? $"connected again {times} without a receipt" : $"tried {times} to connect again, the last time: {latest.Message}";
        return new FerryConnectionException(lost.Code, $"{lost.Message}; {rest}", latest) { IsFinal = true };
    }
}
