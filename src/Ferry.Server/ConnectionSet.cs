using System.Collections.Concurrent;
using System.Net.Sockets;
using Ferry.Server.Listening;
using Microsoft.Extensions.Logging;

namespace Ferry.Server;

/// <summary>
/// Accepts connections and keeps count of them. No error on accept ends the server, and who is turned away takes no place from those who are served.
/// </summary>
/// <param name="listener">Where they come from.</param>
/// <param name="reception">What happens to each.</param>
/// <param name="mostConnections">How many are served at once.</param>
/// <param name="mostDescriptors">How many descriptors the process may have.</param>
/// <param name="logger">Where faults of accepting are logged.</param>
internal sealed class ConnectionSet(Socket listener, Reception reception, int mostConnections, long mostDescriptors, ILogger logger)
{
    /// <summary>How many are being told at one time that they are not served; further ones are closed without a word.</summary>
    private const int MostRefusals = 64;

    private static readonly TimeSpan PauseAfterError = TimeSpan.FromMilliseconds(100);

    private readonly ConcurrentDictionary<Task, byte> served = new();
    private readonly ConcurrentDictionary<Task, byte> turnedAway = new();

    /// <summary>Connections under way.</summary>
    public int Count => served.Count;

    /// <summary>Accepts until the token is cancelled.</summary>
    public async Task AcceptAsync(CancellationToken stopping)
    {
        bool failing = false;
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                Start(await listener.AcceptAsync(stopping).ConfigureAwait(false));
                if (failing)
                {
                    failing = false;
                    ServerLog.AcceptsAgain(logger);
                }
            }
            catch (SocketException e)
            {
                // A client that gave up meanwhile, or no descriptors left: neither concerns those that are served already.
                if (!failing)
                {
                    failing = true;
                    ServerLog.AcceptFailed(logger, e.Message);
                }
                await Task.Delay(PauseAfterError, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
            catch (OperationCanceledException)
            {
                return;
            }
        }
    }

    /// <summary>Accepts those who connected before the stop: what they have sent is in flight.</summary>
    public void AcceptWaiting()
    {
        try
        {
            while (listener.Poll(TimeSpan.Zero, SelectMode.SelectRead))
            {
                Start(listener.Accept());
            }
        }
        catch (SocketException e)
        {
            ServerLog.AcceptFailed(logger, e.Message);
        }
    }

    /// <summary>Ends when no connection is left.</summary>
    public Task AllEndedAsync() => Task.WhenAll(served.Keys.Concat(turnedAway.Keys));

    private void Start(Socket socket)
    {
        (PeerIdentity? peer, FerryException? refusal) = reception.Identify(socket);
        // The kernel gives the lowest free number. The last quarter is for files, and for the runtime, which may not survive without.
        long descriptor = socket.Handle;
        refusal ??= served.Count >= mostConnections ? Busy($"the server has all its {mostConnections} connections in use")
            : descriptor >= mostDescriptors - mostDescriptors / 4 ? Busy($"the server may have {mostDescriptors} files and connections open, and few are left")
            : null;
        if (refusal is null)
        {
            Track(served, () => reception.ServeAsync(socket, peer!));
            return;
        }
        reception.LogRefusal(refusal, peer);
        if (turnedAway.Count < MostRefusals && descriptor < mostDescriptors - mostDescriptors / 8)
        {
            Track(turnedAway, () => reception.RefuseAsync(socket, refusal));
        }
        else
        {
            socket.Dispose();
        }
    }

    private static FerryException Busy(string why) => new(FerryErrorCode.Busy, why + "; try again later");

    private static void Track(ConcurrentDictionary<Task, byte> set, Func<Task> serve)
    {
        Task connection = Task.Run(serve);
        set.TryAdd(connection, 0);
        connection.ContinueWith(ended => set.TryRemove(ended, out _), TaskScheduler.Default);
    }
}
