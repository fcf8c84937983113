using System.Net.Sockets;
using System.Text;

namespace Ferry.Tests.Support;

/// <summary>
/// A server that behaves on the wire as the study's does: receives up to 1,024 bytes, decodes each receive by itself and dies when that is no
/// UTF-8, answers each with the same 17 bytes, serves one client.
/// </summary>
internal sealed class StudyServer : IDisposable
{
    private static readonly UTF8Encoding Strict = new(false, throwOnInvalidBytes: true);

    private readonly TestDirectory directory = new();
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);

    public StudyServer()
    {
        listener.Bind(new UnixDomainSocketEndPoint(Path));
        listener.Listen(1);
        Received = Task.Run(ServeAsync);
    }

    public string Path => directory["socket"];

    /// <summary>All that was received, once the client has half-closed; failed when the server died.</summary>
    public Task<byte[]> Received { get; }

    /// <summary>The longest receive.</summary>
    public int Longest { get; private set; }

    public void Dispose()
    {
        listener.Dispose();
        directory.Dispose();
    }

    private async Task<byte[]> ServeAsync()
    {
        using Socket client = await listener.AcceptAsync();
        using var all = new MemoryStream();
        byte[] buffer = new byte[1024];
        while (await client.ReceiveAsync(buffer) is var count and > 0)
        {
            Longest = Math.Max(Longest, count);
            all.Write(buffer, 0, count);
            _ = Strict.GetString(buffer, 0, count);
            await client.SendAsync("Message received!"u8.ToArray());
        }
        return all.ToArray();
    }
}
