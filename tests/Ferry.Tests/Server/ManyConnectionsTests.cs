using System.Net.Sockets;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>More connections than a server takes, all held open.</summary>
[Trait("Category", "EndToEnd")]
[Collection(Alone.Name)]
public sealed class ManyConnectionsTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ten_thousand_connections_keep_nobody_from_delivering_who_is_connected_nor_later_anybody_else()
    {
        const int Many = 10_000;
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using FerryClient before = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        List<Socket> sockets = [];
        try
        {
            for (int i = 0; i < Many; i++)
            {
                var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
                sockets.Add(socket);
                socket.Connect(new UnixDomainSocketEndPoint(served.Socket));
            }

            await before.SendAsync(new MemoryStream([1]), "meanwhile", cancellationToken: Cancel);
            Assert.Contains("all its 4096 connections in use", served.Server.Log, StringComparison.Ordinal);
        }
        finally
        {
            sockets.ForEach(socket => socket.Dispose());
        }
        await using FerryClient after = await FerryClient.ConnectAsync(served.Socket, new FerryClientOptions { Wait = TimeSpan.FromSeconds(30) }, Cancel);
        await after.SendAsync(new MemoryStream([1]), "afterwards", cancellationToken: Cancel);
        Assert.Equal(["afterwards", "meanwhile"], served.Visible);
    }
}
