using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Plain;

/// <summary>Clients of the plain protocol that close early, with something unread, or before the server has looked at anything.</summary>
[Trait("Category", "EndToEnd")]
public sealed class PlainClosingTests
{
    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(100_000);

    [Fact]
    public async Task A_client_that_has_closed_before_the_server_reads_anything_has_delivered()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Signal.Send(served.Server.Pid, Signal.Stop);
        using (var peer = new PlainPeer(served.Socket))
        {
            await peer.SendAllAsync((byte[])[.. "early\n"u8, .. Content]);
        }

        Signal.Send(served.Server.Pid, Signal.Continue);

        Assert.Equal(Content, await served.WaitForFileAsync("early"));
    }

    /// <summary>With something unread its close is a reset, which the server meets after the data, in a receive or in an acknowledgement.</summary>
    [Fact]
    public async Task A_client_that_closes_with_an_acknowledgement_unread_has_delivered()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using (var peer = new PlainPeer(served.Socket))
        {
            await peer.SendAllAsync("reset\n"u8.ToArray());
            Assert.True(peer.Socket.Poll(TimeSpan.FromSeconds(30), SelectMode.SelectRead));
            Signal.Send(served.Server.Pid, Signal.Stop);
            await peer.SendAllAsync(Content);
        }

        Signal.Send(served.Server.Pid, Signal.Continue);

        Assert.Equal(Content, await served.WaitForFileAsync("reset"));
    }

    /// <summary>The study's client prints what one receive of 1,024 bytes gives it. So much content takes the server more receives than it holds acknowledgements.</summary>
    [Fact]
    public async Task One_receive_of_the_studys_client_holds_whole_acknowledgements()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using var peer = new PlainPeer(served.Socket);
        foreach (byte[] piece in RandomNumberGenerator.GetBytes(30_000_000).Chunk(1024).Prepend("file\n"u8.ToArray()))
        {
            await peer.SendAllAsync(piece);
        }

        byte[] answer = new byte[1024];
        string text = Encoding.ASCII.GetString(answer, 0, await peer.Socket.ReceiveAsync(answer));

        Assert.NotEmpty(text);
        Assert.Equal("", text.Replace("Message received!", "", StringComparison.Ordinal));
    }

    [Fact]
    public async Task The_last_line_waits_for_a_client_that_reads_late()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using var peer = new PlainPeer(served.Socket);
        foreach (byte[] piece in Content.Chunk(100).Prepend("late\n"u8.ToArray()))
        {
            await peer.SendAllAsync(piece);
        }
        peer.HalfClose();
        await served.WaitForFileAsync("late");

        Assert.StartsWith("Stored 100000 bytes ", PlainPeer.LastLine(await peer.ReadToEndAsync()), StringComparison.Ordinal);
    }

    [Fact(Timeout = 60_000)]
    public async Task A_client_that_reads_nothing_after_its_half_close_keeps_the_server_for_the_stall_time_only()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--stall-timeout", "2s", "--max-connections", "1");
        using var deaf = new PlainPeer(served.Socket);
        foreach (byte[] piece in Content.Chunk(100).Prepend("deaf\n"u8.ToArray()))
        {
            await deaf.SendAllAsync(piece);
        }
        deaf.HalfClose();
        await served.WaitForFileAsync("deaf");

        string next = await PlainPeer.DeliverWhenFreeAsync(served.Socket, "next", [1], TestContext.Current.CancellationToken);

        Assert.StartsWith("Stored 1 bytes ", next, StringComparison.Ordinal);
    }
}
