using System.Net.Sockets;

namespace Ferry.Tests.Support;

/// <summary>
/// A relay between clients and a server, over real Unix sockets on both sides, that fails as told. Like any relay it drops attached descriptors. It never
/// makes up, repeats or reorders bytes.
/// </summary>
internal sealed class FlakyLink : IAsyncDisposable
{
    private const int UsualPiece = 64 * 1024;

    private readonly TestDirectory directory = new();
    private readonly Socket listener = NewSocket();
    private readonly CancellationTokenSource end = new();
    private readonly string server;
    private readonly Task accepting;
    private Task<(long ToServer, long ToClient)> last = Task.FromResult((0L, 0L));
    private int connections;

    /// <param name="server">The server's socket.</param>
    public FlakyLink(string server)
    {
        this.server = server;
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen();
        accepting = AcceptAsync();
    }

    /// <summary>Where clients connect.</summary>
    public string Path => directory["link"];

    /// <summary>What goes wrong, where, after how many bytes of a connection; null for nothing.</summary>
    public (LinkFault Fault, LinkDirection Direction, long After)? Fault { get; set; }

    /// <summary>Only so many connections fail, the others do not. Default: every one.</summary>
    public int MostFaults { get; set; } = int.MaxValue;

    /// <summary>Most bytes passed on at a time.</summary>
    public int PieceSize { get; set; } = UsualPiece;

    /// <summary>A pause before each piece.</summary>
    public TimeSpan Delay { get; set; }

    /// <summary>How many connections came.</summary>
    public int Connections => Volatile.Read(ref connections);

    /// <summary>How many bytes the connection that came last has carried that way at its end.</summary>
    public async Task<long> LastCarriedAsync(LinkDirection direction)
    {
        (long toServer, long toClient) = await last;
        return direction == LinkDirection.ToServer ? toServer : toClient;
    }

    public async ValueTask DisposeAsync()
    {
        await end.CancelAsync();
        listener.Dispose();
        await accepting;
        end.Dispose();
        directory.Dispose();
    }

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    private async Task AcceptAsync()
    {
        List<Task> carrying = [];
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptAsync(end.Token);
                bool fails = Interlocked.Increment(ref connections) <= MostFaults;
                last = Task.Run(() => CarryAsync(client, fails ? Fault : null));
                carrying.Add(last);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(carrying);
        }
    }

    private async Task<(long ToServer, long ToClient)> CarryAsync(Socket client, (LinkFault Fault, LinkDirection Direction, long After)? fault)
    {
        using Socket toServer = NewSocket();
        using (client)
        {
            try
            {
                await toServer.ConnectAsync(new UnixDomainSocketEndPoint(server), end.Token);
            }
            catch (SocketException)
            {
                // No server at the moment: the client finds a closed connection, as behind any relay.
                return (0, 0);
            }
            using var failed = CancellationTokenSource.CreateLinkedTokenSource(end.Token);
            Task<long> up = PumpAsync(client, toServer, FaultFor(LinkDirection.ToServer), failed);
            Task<long> down = PumpAsync(toServer, client, FaultFor(LinkDirection.ToClient), failed);
            return (await up, await down);
        }

        (LinkFault, long)? FaultFor(LinkDirection direction) => fault?.Direction == direction ? (fault.Value.Fault, fault.Value.After) : null;
    }

    /// <summary>Passes bytes on until their end, or the fault; after that the other way ends as well.</summary>
    private async Task<long> PumpAsync(Socket from, Socket to, (LinkFault Kind, long After)? fault, CancellationTokenSource failed)
    {
        long carried = 0;
        byte[] buffer = new byte[PieceSize];
        try
        {
            while (carried < (fault?.After ?? long.MaxValue))
            {
                int most = (int)Math.Min(buffer.Length, (fault?.After ?? long.MaxValue) - carried);
                int count = await from.ReceiveAsync(buffer.AsMemory(0, most), SocketFlags.None, failed.Token);
                if (count == 0)
                {
                    to.Shutdown(SocketShutdown.Send);
                    return carried;
                }
                if (Delay > TimeSpan.Zero)
                {
                    await Task.Delay(Delay, failed.Token);
                }
                for (int sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent), SocketFlags.None, failed.Token);
                }
                carried += count;
            }
            await FailAsync(fault!.Value.Kind, from, to, failed);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // One side has gone, or the link has failed the other way. Neither side hears anything more.
            await failed.CancelAsync();
        }
        return carried;
    }

    private async Task FailAsync(LinkFault fault, Socket from, Socket to, CancellationTokenSource failed)
    {
        switch (fault)
        {
            case LinkFault.Close:
                await failed.CancelAsync();
                Drain(from);
                Drain(to);
                break;
            case LinkFault.Reset:
                // Something is left unread where the sender has more to say.
                await failed.CancelAsync();
                break;
            case LinkFault.Stall:
                await failed.CancelAsync();
                await Task.Delay(Timeout.Infinite, end.Token);
                break;
        }
    }

    private static void Drain(Socket socket)
    {
        byte[] unread = new byte[UsualPiece];
        while (socket.Available > 0 && socket.Receive(unread) > 0)
        {
        }
    }
}
