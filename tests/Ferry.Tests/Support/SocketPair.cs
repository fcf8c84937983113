using System.Net.Sockets;
using Ferry.Transport;

namespace Ferry.Tests.Support;

/// <summary>Two connected Unix stream sockets.</summary>
internal static class SocketPair
{
    public static (Stream Client, Stream Server) Open()
    {
        (Socket client, Socket server) = Connect();
        return (new NetworkStream(client, ownsSocket: true), new NetworkStream(server, ownsSocket: true));
    }

    /// <summary>The same, able to pass open files.</summary>
    public static (Stream Client, Stream Server) OpenPassing()
    {
        (Socket client, Socket server) = Connect();
        return (new UnixStream(client), new UnixStream(server));
    }

    private static (Socket Client, Socket Server) Connect()
    {
        using var directory = new TestDirectory();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        var address = new UnixDomainSocketEndPoint(directory["socket"]);
        listener.Bind(address);
        listener.Listen(1);
        var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        client.Connect(address);
        return (client, listener.Accept());
    }
}
