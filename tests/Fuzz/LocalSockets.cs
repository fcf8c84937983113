using System.Net.Sockets;

namespace Ferry.Fuzz;

/// <summary>Makes pairs of connected Unix sockets, without a file.</summary>
internal sealed class LocalSockets : IDisposable
{
    private readonly Socket listener = NewSocket();
    private readonly UnixDomainSocketEndPoint address = new($"\0ferry-fuzz-{Guid.NewGuid():N}");

    public LocalSockets()
    {
        listener.Bind(address);
        listener.Listen(1);
    }

    public (Socket Peer, Socket Ours) Connect()
    {
        Socket peer = NewSocket();
        peer.SendBufferSize = 4 * FuzzTarget.MostBytes;
        peer.Connect(address);
        return (peer, listener.Accept());
    }

    public void Dispose() => listener.Dispose();

    private static Socket NewSocket() => new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
}
