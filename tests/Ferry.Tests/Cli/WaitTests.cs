using System.Diagnostics;
using System.Net.Sockets;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary><c>--wait</c>: until a server is there and answers.</summary>
[Trait("Category", "EndToEnd")]
public sealed class WaitTests : IDisposable
{
    private readonly TestDirectory directory = new();

    public WaitTests() => File.WriteAllText(directory["file"], "content");

    [Theory]
    [InlineData("20s")]
    [InlineData("none")]
    public async Task A_relay_whose_server_is_still_missing_is_waited_for(string wait)
    {
        Needs.Program("socat");
        using Process relay = Process.Start(new ProcessStartInfo("socat", [$"UNIX-LISTEN:{directory["relay"]},fork", $"UNIX-CONNECT:{directory["socket"]}"]) { RedirectStandardError = true })!;
        try
        {
            Task<FerryResult> sending = SendAsync("relay", wait);
            Assert.Contains("No such file", await relay.StandardError.ReadLineAsync(TestContext.Current.CancellationToken), StringComparison.Ordinal);
            await using FerryServerProcess server = await StartAsync();

            FerryResult result = await sending;

            Assert.True(result.ExitCode == 0, result.ToString());
        }
        finally
        {
            relay.Kill();
        }
    }

    [Fact]
    public async Task A_server_without_room_is_waited_for()
    {
        await using FerryServerProcess server = await StartAsync("--max-connections", "1");
        using var other = new PlainPeer(server.Socket);
        await other.SendAllAsync("name\n"u8.ToArray());
        await other.ReadAcknowledgementAsync();
        Task<FerryResult> sending = SendAsync("socket", "20s");
        await server.WaitForLogAsync("busy");
        other.Dispose();

        FerryResult result = await sending;

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [Fact]
    public async Task Who_has_waited_in_vain_hears_for_how_long()
    {
        FerryResult result = await SendAsync("socket", "300ms");

        Assert.Equal(3, result.ExitCode);
        Assert.Equal($"ferry: no server at {directory["socket"]} after 0.3 s: no such file; start one with: ferry serve DIR --at {directory["socket"]}\n", result.Errors);
    }

    [Fact]
    public async Task A_socket_that_nobody_listens_on_any_more_is_named_as_such()
    {
        using (var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified))
        {
            socket.Bind(new UnixDomainSocketEndPoint(directory["other"]));
            File.Move(directory["other"], directory["socket"]);
        }

        FerryResult result = await SendAsync("socket", "0s");

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("the file is there and nobody listens on it; start one with: ferry serve DIR --at ", result.Errors, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();

    private Task<FerryServerProcess> StartAsync(params string[] options) =>
        FerryServerProcess.StartAsync(["serve", directory["root"], "--at", directory["socket"], .. options.Select(option => (FerryPath)option)]);

    private Task<FerryResult> SendAsync(string socket, string wait) => FerryProcess.RunAsync("send", directory["file"], "--at", directory[socket], "--wait", wait);
}
