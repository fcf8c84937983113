using System.Net.Sockets;

namespace Ferry.Tests.Support;

/// <summary>A relay in front of a server's socket that counts what a client sends, and stops passing it on after so many bytes until it is released.</summary>
internal sealed class HoldingRelay : IAsyncDisposable
{
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly string target;
    private readonly long most;
    private readonly TaskCompletionSource held = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly TaskCompletionSource released = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<Socket> sockets = [];
    private readonly Task serving;
    private long fromClient;

    private HoldingRelay(string target, long most)
    {
        this.target = target;
        this.most = most;
        Path = $"{target}.{Guid.NewGuid():N}"[..Math.Min(100, target.Length + 9)];
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen();
        serving = ServeAsync();
    }

    /// <summary>Where clients connect.</summary>
    public string Path { get; }

    /// <summary>Bytes that clients have sent and the server was given.</summary>
    public long FromClient => Volatile.Read(ref fromClient);

    /// <summary>Ends when no more is passed on.</summary>
    public Task Held => held.Task;

    public static HoldingRelay Start(string target, long most = long.MaxValue) => new(target, most);

    /// <summary>Passes everything on from now on.</summary>
    public void Release() => released.TrySetResult();

    public async ValueTask DisposeAsync()
    {
        listener.Dispose();
        released.TrySetResult();
        lock (sockets)
        {
            sockets.ForEach(socket => socket.Dispose());
        }
        await serving.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
    }

    private async Task ServeAsync()
    {
        List<Task> passing = [];
        try
        {
            while (true)
            {
                Socket client = await listener.AcceptAsync();
                var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                lock (sockets)
                {
                    sockets.AddRange([client, server]);
                }
                await server.ConnectAsync(new UnixDomainSocketEndPoint(target));
                passing.Add(PassAsync(client, server, counted: true));
                passing.Add(PassAsync(server, client, counted: false));
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // The end.
        }
        await Task.WhenAll(passing);
    }

    /// <summary>An end on one side is passed on to the other, of a held one too.</summary>
    private async Task PassAsync(Socket from, Socket to, bool counted)
    {
        byte[] buffer = new byte[64 * 1024];
        try
        {
            while (await from.ReceiveAsync(buffer) is > 0 and var count)
            {
                if (counted && FromClient + count > most && !released.Task.IsCompleted)
                {
                    held.TrySetResult();
                    while (!released.Task.IsCompleted && !(from.Poll(0, SelectMode.SelectError) || HasEnded(from)))
                    {
                        await Task.WhenAny(released.Task, Task.Delay(10));
                    }
                    if (!released.Task.IsCompleted)
                    {
                        break;
                    }
                }
                for (int sent = 0; sent < count;)
                {
                    sent += await to.SendAsync(buffer.AsMemory(sent, count - sent));
                }
                if (counted)
                {
                    Interlocked.Add(ref fromClient, count);
                }
            }
        }
        catch (Exception e) when (e is SocketException or ObjectDisposedException)
        {
            // One side is gone; so is the other now.
        }
        from.Dispose();
        to.Dispose();
    }

    /// <summary>A client that was killed has unread bytes in the socket, so that only the hang-up shows.</summary>
    private static bool HasEnded(Socket socket)
    {
        try
        {
            return Ferry.Native.SocketCalls.GetHangUp(socket.SafeHandle) != Ferry.Native.HangUp.None;
        }
        catch (ObjectDisposedException)
        {
            return true;
        }
    }
}
