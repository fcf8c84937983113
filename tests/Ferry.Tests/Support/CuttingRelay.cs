using System.Net.Sockets;
using Ferry.Wire;

namespace Ferry.Tests.Support;

/// <summary>Where a relay cuts a connection: before so many frames of a type have passed from the server, or after so many bytes one way.</summary>
internal sealed record RelayCut(FrameType? BeforeFrame = null, int Frames = 1, long? AfterFromClient = null, long? AfterFromServer = null);

/// <summary>
/// A relay between clients and a server that closes connections at chosen places, with nothing half told: what was passed on was passed on whole. Descriptors
/// do not pass.
/// </summary>
internal sealed class CuttingRelay : IAsyncDisposable
{
    private readonly TestDirectory directory = new();
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string target;
    private readonly Func<int, RelayCut?> cutOf;
    private readonly List<Task> connections = [];
    private readonly Task serving;
    private int cuts;

    /// <param name="target">The server's socket.</param>
    /// <param name="cutOf">Where each connection is cut, by its number from 1; null for nowhere.</param>
    public CuttingRelay(string target, Func<int, RelayCut?> cutOf)
    {
        this.target = target;
        this.cutOf = cutOf;
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen();
        serving = ServeAsync();
    }

    /// <summary>Where clients connect.</summary>
    public string Path => directory["relay"];

    /// <summary>Connections that were cut.</summary>
    public int Cuts => Volatile.Read(ref cuts);

    /// <summary>Called after each cut, before the client can see it.</summary>
    public Func<int, Task> OnCut { get; init; } = _ => Task.CompletedTask;

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        await serving;
        await Task.WhenAll(connections);
        directory.Dispose();
    }

    private async Task ServeAsync()
    {
        try
        {
            for (int number = 1; ; number++)
            {
                Socket client = await listener.AcceptAsync();
                connections.Add(RelayAsync(client, number));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end.
        }
    }

    private async Task RelayAsync(Socket client, int number)
    {
        using (client)
        using (var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            try
            {
                await server.ConnectAsync(new UnixDomainSocketEndPoint(target));
            }
            catch (SocketException)
            {
                return;
            }
            RelayCut cut = cutOf(number) ?? new RelayCut();
            var frames = new FrameCounter(cut);
            Task<bool>[] ways =
            [
                PassAsync(client, server, cut.AfterFromClient, null),
                PassAsync(server, client, cut.AfterFromServer, frames),
            ];
            bool wasCut = await await Task.WhenAny(ways);
            if (wasCut)
            {
                // The server sees its end first, and the client only after what a test does in between.
                server.Dispose();
                await OnCut(Interlocked.Increment(ref cuts));
            }
            server.Dispose();
            client.Dispose();
            await Task.WhenAll(ways);
        }
    }

    /// <returns>True when it ended with a cut.</returns>
    private static async Task<bool> PassAsync(Socket from, Socket to, long? most, FrameCounter? frames)
    {
        byte[] buffer = new byte[64 * 1024];
        long left = most ?? long.MaxValue;
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                int allowed = (int)Math.Min(count, left);
                allowed = frames?.Allowed(buffer.AsSpan(0, allowed)) ?? allowed;
                for (int sent = 0; sent < allowed;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, allowed - sent));
                }
                left -= allowed;
                if (allowed < count)
                {
                    return true;
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone; so is the other now.
        }
        return false;
    }

    /// <summary>Finds the place before the chosen frame in the bytes from the server.</summary>
    private sealed class FrameCounter(RelayCut cut)
    {
        private readonly byte[] header = new byte[FrameHeader.Size];
        private int held;
        private int skip = Preface.Bytes.Length;
        private int seen;

        public int Allowed(ReadOnlySpan<byte> bytes)
        {
            for (int at = 0; at < bytes.Length;)
            {
                int step = Math.Min(skip, bytes.Length - at);
                (skip, at) = (skip - step, at + step);
                if (at == bytes.Length)
                {
                    return bytes.Length;
                }
                int begin = at - held;
                int taken = Math.Min(header.Length - held, bytes.Length - at);
                bytes.Slice(at, taken).CopyTo(header.AsSpan(held));
                (held, at) = (held + taken, at + taken);
                if (held == header.Length)
                {
                    FrameHeader frame = FrameHeader.Read(header);
                    if (frame.Type == cut.BeforeFrame && ++seen == cut.Frames)
                    {
                        return Math.Max(begin, 0);
                    }
                    (held, skip) = (0, frame.Length);
                }
            }
            return bytes.Length;
        }
    }
}
