using System.Text;
using Ferry.Server;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>What a stop means for those who are connected, who come too late, and who do not finish.</summary>
[Trait("Category", "EndToEnd")]
public sealed class StoppingTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_delivery_in_flight_is_finished_and_who_comes_later_finds_nobody()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--grace", "60s");
        using PlainPeer inFlight = await BeginAsync(served, "file", "first half, ");

        Task<FerryResult> stop = served.Server.StopAsync();
        await served.Server.WaitForLogAsync("Stopping: 1 connections have");
        FerryResult late = await FerryProcess.RunAsync("send", "/etc/hostname", "--at", served.Socket, "--wait", "100ms");
        await inFlight.SendAllAsync("second half"u8.ToArray());
        inFlight.HalfClose();

        Assert.StartsWith("Stored 23 bytes ", PlainPeer.LastLine(await inFlight.ReadToEndAsync()), StringComparison.Ordinal);
        Assert.Equal(3, late.ExitCode);
        Assert.Equal(0, (await stop).ExitCode);
        Assert.Equal("first half, second half", await File.ReadAllTextAsync(served["file"], Cancel));
    }

    [Fact]
    public async Task A_delivery_that_does_not_finish_in_time_is_told_and_leaves_nothing()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--grace", "200ms");
        using PlainPeer slow = await BeginAsync(served, "file", "half");

        FerryResult result = await served.Server.StopAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.Contains("1 connections did not finish in time and were cut", result.Errors, StringComparison.Ordinal);
        Assert.StartsWith("Refused stopping: ", PlainPeer.LastLine(await slow.ReadToEndAsync()), StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Who_connected_and_sent_before_the_stop_is_still_served()
    {
        using var directory = new TestDirectory();
        await using FerryServer server = await FerryServer.StartAsync(
            new FerryServerOptions { Root = directory["root"], Address = directory["socket"], Grace = TimeSpan.FromMinutes(1) }, cancellationToken: Cancel);
        PlainPeer[] early = [.. Enumerable.Range(0, 500).Select(i => Connect(i))];

        await server.StopAsync(Cancel);

        foreach (PlainPeer peer in early)
        {
            Assert.StartsWith("Stored 7 bytes ", PlainPeer.LastLine(await peer.ReadToEndAsync()), StringComparison.Ordinal);
            peer.Dispose();
        }

        PlainPeer Connect(int number)
        {
            var peer = new PlainPeer(directory["socket"]);
            peer.Socket.Send(Encoding.ASCII.GetBytes($"file{number}\ncontent"));
            peer.HalfClose();
            return peer;
        }
    }

    [Fact]
    public async Task Connections_that_have_sent_nothing_hold_up_no_stop()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--grace", "60s");
        using var silent = new PlainPeer(served.Socket);
        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(served.Socket, "file", [1]), StringComparison.Ordinal);

        FerryResult result = await served.Server.StopAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", await silent.ReadToEndAsync());
    }

    private static async Task<PlainPeer> BeginAsync(ServedDirectory served, string name, string content)
    {
        var peer = new PlainPeer(served.Socket);
        await peer.SendAllAsync(Encoding.ASCII.GetBytes($"{name}\n{content}"));
        Assert.Equal("Message received!", await peer.ReadAcknowledgementAsync());
        return peer;
    }
}
