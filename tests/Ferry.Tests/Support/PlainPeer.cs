using System.Net.Sockets;
using System.Text;

namespace Ferry.Tests.Support;

/// <summary>A client of the plain protocol that puts on the wire just what a test says.</summary>
internal sealed class PlainPeer : IDisposable
{
    private const string Acknowledgement = "Message received!";

    public PlainPeer(string path)
    {
        Socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        Socket.Connect(new UnixDomainSocketEndPoint(path));
    }

    public Socket Socket { get; }

    /// <summary>Sends name line and content, half-closes, and reads to the end.</summary>
    public static async Task<string> DeliverAsync(string path, byte[] nameLine, byte[] content)
    {
        using var peer = new PlainPeer(path);
        Task<string> answers = peer.ReadToEndAsync();
        await peer.SendAllAsync((byte[])[.. nameLine, .. content]);
        peer.HalfClose();
        return LastLine(await answers);
    }

    public static Task<string> DeliverAsync(string path, string name, byte[] content) =>
        DeliverAsync(path, Encoding.UTF8.GetBytes(name + "\n"), content);

    /// <summary>Delivers as soon as the server has room: while it is busy, it says so or closes without a word.</summary>
    public static async Task<string> DeliverWhenFreeAsync(string path, string name, byte[] content, CancellationToken cancellationToken)
    {
        while (true)
        {
            cancellationToken.ThrowIfCancellationRequested();
            string line = await DeliverAsync(path, name, content);
            if (line.Length > 0 && !line.StartsWith("Refused busy: ", StringComparison.Ordinal))
            {
                return line;
            }
        }
    }

    /// <summary>Delivers until it is stored, up to ten times: a fault that strace injects once a thread may meet the first of them.</summary>
    public static async Task<string> DeliverWhenStoredAsync(string path, string name, byte[] content)
    {
        string line = "";
        for (int i = 0; i < 10 && !line.StartsWith("Stored ", StringComparison.Ordinal); i++)
        {
            line = await DeliverAsync(path, name, content);
        }
        return line;
    }

    /// <summary>What a script sees with <c>tail -n 1</c>.</summary>
    public static string LastLine(string answers) => answers.TrimEnd('\n').Split('\n')[^1];

    /// <summary>Sends everything, however the socket takes it. A server that has closed ends it quietly, as it would a deaf client.</summary>
    public async Task SendAllAsync(ReadOnlyMemory<byte> bytes)
    {
        try
        {
            while (!bytes.IsEmpty)
            {
                bytes = bytes[await Socket.SendAsync(bytes)..];
            }
        }
        catch (SocketException)
        {
            // The server refused and closed; what it said is still to be read.
        }
    }

    public void HalfClose() => Socket.Shutdown(SocketShutdown.Send);

    /// <summary>One acknowledgement, as a client in lock-step waits for it.</summary>
    public async Task<string> ReadAcknowledgementAsync()
    {
        byte[] answer = new byte[Acknowledgement.Length];
        int count = await Socket.ReceiveAsync(answer);
        return Encoding.UTF8.GetString(answer, 0, count);
    }

    public async Task<string> ReadToEndAsync()
    {
        using var all = new MemoryStream();
        byte[] buffer = new byte[4096];
        try
        {
            while (await Socket.ReceiveAsync(buffer) is var count and > 0)
            {
                all.Write(buffer, 0, count);
            }
        }
        catch (SocketException)
        {
            // Closed with something unread: the end all the same.
        }
        return Encoding.UTF8.GetString(all.ToArray());
    }

    public void Dispose() => Socket.Dispose();
}
