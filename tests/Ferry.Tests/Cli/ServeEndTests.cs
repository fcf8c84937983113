using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>How <c>ferry serve</c> ends: by signals, and with <c>--once</c> after a delivery.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ServeEndTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(Signal.Terminate)]
    [InlineData(Signal.Interrupt)]
    [InlineData(Signal.HangUp)]
    public async Task One_signal_is_an_ordinary_stop(int signal)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        FerryResult result = await served.Server.StopAsync(signal);

        Assert.Equal(0, result.ExitCode);
        Assert.EndsWith("Server stopped\n", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_signal_cuts_what_is_in_flight_and_gives_the_exit_code()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--grace", "none");
        using var peer = new PlainPeer(served.Socket);
        await peer.SendAllAsync("name\nsome"u8.ToArray());
        await served.Server.WaitForLogAsync("Connection established!");

        Signal.Send(served.Server.Pid, Signal.Terminate);
        await served.Server.WaitForLogAsync("Stopping");
        FerryResult result = await served.Server.StopAsync(Signal.Terminate);

        Assert.Equal(128 + Signal.Terminate, result.ExitCode);
        Assert.Contains("\nRefused stopping: ", await peer.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Once_ends_with_zero_after_a_good_delivery_and_connections_without_one_are_not_logged()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--once");
        new PlainPeer(served.Socket).Dispose();
        await using (await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel))
        {
            // It greets and offers nothing.
        }

        FerryResult sent = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", "name", "--at", served.Socket) { Input = new MemoryStream([1]) });
        FerryResult server = await served.Server.WaitAsync();

        Assert.Equal([0, 0], new[] { sent.ExitCode, server.ExitCode });
        Assert.Single(server.Errors.Split('\n'), line => line.StartsWith("Connection established!", StringComparison.Ordinal));
        Assert.DoesNotContain("delivered nothing", server.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Once_ends_with_five_when_the_sender_dies_in_the_middle()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--once");
        var pid = new TaskCompletionSource<int>();
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", "/dev/zero", "--as", "zero", "--at", served.Socket) { Started = pid.SetResult });
        await served.Server.WaitForLogAsync("Connection established!");

        Signal.Send(await pid.Task, Signal.Kill);
        FerryResult server = await served.Server.WaitAsync();
        await sending;

        Assert.Equal(5, server.ExitCode);
        Assert.Empty(served.Visible);
    }

    /// <summary>A script must not take it for a delivery.</summary>
    [Fact]
    public async Task Once_ended_by_a_signal_before_any_delivery_says_so()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--once");

        FerryResult result = await served.Server.StopAsync(Signal.Terminate);

        Assert.Equal(128 + Signal.Terminate, result.ExitCode);
    }
}
