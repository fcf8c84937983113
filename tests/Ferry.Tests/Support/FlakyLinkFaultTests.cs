using System.Net.Sockets;
using Xunit;

namespace Ferry.Tests.Support;

/// <summary>The link fails as it says: a proof with a link that does not would prove nothing.</summary>
public sealed class FlakyLinkFaultTests : IAsyncDisposable
{
    private readonly TestDirectory directory = new();
    private readonly Socket listener = new(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
    private readonly FlakyLink link;

    public FlakyLinkFaultTests()
    {
        listener.Bind(new UnixDomainSocketEndPoint(directory["server"]));
        listener.Listen();
        link = new FlakyLink(directory["server"]);
    }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(LinkFault.Close)]
    [InlineData(LinkFault.Reset)]
    public async Task A_cut_ends_both_sides_after_the_bytes_it_was_given_and_a_reset_is_one(LinkFault fault)
    {
        link.Fault = (fault, LinkDirection.ToServer, 3);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(link.Path), Cancel);
        using Socket server = await listener.AcceptAsync(Cancel);

        await client.SendAsync("0123456789"u8.ToArray(), Cancel);

        Assert.Equal("012"u8.ToArray(), await ReadToEndAsync(server));
        byte[] buffer = new byte[10];
        if (fault == LinkFault.Reset)
        {
            SocketException e = await Assert.ThrowsAsync<SocketException>(async () => await client.ReceiveAsync(buffer, Cancel));
            Assert.Equal(SocketError.ConnectionReset, e.SocketErrorCode);
        }
        else
        {
            Assert.Equal(0, await client.ReceiveAsync(buffer, Cancel));
        }
        Assert.Equal(3, await link.LastCarriedAsync(LinkDirection.ToServer));
    }

    [Fact]
    public async Task A_stall_passes_nothing_on_either_way_and_closes_nothing()
    {
        link.Fault = (LinkFault.Stall, LinkDirection.ToServer, 3);
        using var client = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await client.ConnectAsync(new UnixDomainSocketEndPoint(link.Path), Cancel);
        using Socket server = await listener.AcceptAsync(Cancel);

        await client.SendAsync("0123456789"u8.ToArray(), Cancel);
        byte[] heard = new byte[3];
        await server.ReceiveAsync(heard, Cancel);
        using var patience = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));

        Assert.Equal("012"u8.ToArray(), heard);
        await Assert.ThrowsAnyAsync<OperationCanceledException>(async () => await server.ReceiveAsync(heard, patience.Token));
        Assert.Equal(0, client.Available);
    }

    public async ValueTask DisposeAsync()
    {
        await link.DisposeAsync();
        listener.Dispose();
        directory.Dispose();
    }

    private static async Task<byte[]> ReadToEndAsync(Socket socket)
    {
        using var stream = new NetworkStream(socket);
        using var all = new MemoryStream();
        await stream.CopyToAsync(all, Cancel);
        return all.ToArray();
    }
}
