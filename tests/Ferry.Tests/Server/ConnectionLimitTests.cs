using System.Diagnostics;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>More connections than the server takes, by its own limit or the kernel's.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ConnectionLimitTests
{
    [Fact]
    public async Task One_connection_too_many_is_told_that_the_server_is_busy()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-connections", "1");
        using var first = new PlainPeer(served.Socket);
        await first.SendAllAsync("first\n"u8.ToArray());
        Assert.Equal("Message received!", await first.ReadAcknowledgementAsync());

        string plain = await PlainPeer.DeliverAsync(served.Socket, "second", [1]);
        FerryResult native = await FerryProcess.RunAsync("send", "/etc/hostname", "--at", served.Socket);
        first.HalfClose();
        string end = PlainPeer.LastLine(await first.ReadToEndAsync());

        Assert.StartsWith("Refused busy: the server has all its 1 connections in use", plain, StringComparison.Ordinal);
        Assert.Equal(3, native.ExitCode);
        Assert.Contains("all its 1 connections in use", native.Errors, StringComparison.Ordinal);
        Assert.StartsWith("Stored 0 bytes ", end, StringComparison.Ordinal);
        Assert.Equal(["first"], served.Visible);
    }

    /// <summary>Whom the policy keeps out may connect all the same, and stay silent; that must not take the places of those who are let in.</summary>
    [Fact]
    public async Task Strangers_take_no_places()
    {
        Needs.Root();
        Needs.Program("setpriv");
        Needs.Program("nc");
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-connections", "1", "--allow-user", "12345");
        List<Process> strangers = [];
        for (int i = 0; i < 3; i++)
        {
            strangers.Add(Process.Start(new ProcessStartInfo("setpriv", ["--reuid=54321", "--regid=60000", "--clear-groups", "nc", "-U", served.Socket])
            {
                RedirectStandardInput = true,
            })!);
        }
        await served.Server.WaitForLogAsync($"pid {strangers[^1].Id}: not-allowed");

        Assert.StartsWith("Stored 1 bytes ", await PlainPeer.DeliverAsync(served.Socket, "file", [1]), StringComparison.Ordinal);

        foreach (Process stranger in strangers)
        {
            stranger.Kill();
            await stranger.WaitForExitAsync(TestContext.Current.CancellationToken);
            stranger.Dispose();
        }
    }

    [Fact(Timeout = 60_000)]
    public async Task When_descriptors_run_short_new_connections_are_turned_away_and_the_others_go_on()
    {
        Needs.Program("prlimit");
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = ["prlimit", "--nofile=256:256"] });
        using var inFlight = new PlainPeer(directory["socket"]);
        await inFlight.SendAllAsync("in flight\nhalf, "u8.ToArray());
        Assert.Equal("Message received!", await inFlight.ReadAcknowledgementAsync());
        PlainPeer[] silent = [.. Enumerable.Range(0, 256).Select(_ => new PlainPeer(directory["socket"]))];
        await server.WaitForLogAsync("busy: the server may have 256 files and connections open");

        await inFlight.SendAllAsync("half"u8.ToArray());
        inFlight.HalfClose();
        string line = PlainPeer.LastLine(await inFlight.ReadToEndAsync());
        Array.ForEach(silent, peer => peer.Dispose());

        Assert.StartsWith("Stored 10 bytes ", line, StringComparison.Ordinal);
        Assert.StartsWith("Stored 1 bytes ", await PlainPeer.DeliverWhenFreeAsync(directory["socket"], "later", [1], TestContext.Current.CancellationToken), StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_server_takes_as_many_descriptors_as_it_may_have()
    {
        Needs.Program("prlimit");
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = ["prlimit", "--nofile=300:3000"] });

        Assert.Equal("3000", Tool.Run("prlimit", "--pid", $"{server.Pid}", "--nofile", "--output", "SOFT", "--noheadings").Trim());
    }

    [Fact]
    public async Task Deliveries_leave_no_descriptor_behind()
    {
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(new FerryCommand("serve", directory["root"], "--at", directory["socket"])
        {
            // Without collections, which would close what was forgotten.
            Environment = { ["DOTNET_GCgen0size"] = "10000000" },
        });
        string descriptors = $"/proc/{server.Pid}/fd";
        await DeliverAsync(20);
        int before = Directory.GetFileSystemEntries(descriptors).Length;

        await DeliverAsync(300);

        // New threads may have some of their own.
        Assert.InRange(Directory.GetFileSystemEntries(descriptors).Length, 0, before + 100);

        async Task DeliverAsync(int count)
        {
            for (int i = 0; i < count; i++)
            {
                Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["socket"], "file", [1]), StringComparison.Ordinal);
                Assert.StartsWith("Refused", await PlainPeer.DeliverAsync(directory["socket"], "..", [1]), StringComparison.Ordinal);
            }
        }
    }

    [Theory]
    [InlineData("EMFILE")]
    [InlineData("ENFILE")]
    [InlineData("ECONNABORTED")]
    public async Task When_the_kernel_gives_no_more_connections_the_server_waits_and_goes_on(string error)
    {
        using var directory = new TestDirectory();
        using var strace = new Strace("-e", "trace=accept4", "-e", $"inject=accept4:error={error}:when=1..3");
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = strace.Wrapper });

        Assert.StartsWith("Stored 1 bytes ", await PlainPeer.DeliverAsync(directory["socket"], "file", [1]), StringComparison.Ordinal);

        await server.WaitForLogAsync("Connections can be accepted again");
        _ = Assert.Single(server.Log.Split('\n'), line => line.Contains("Cannot accept connections: ", StringComparison.Ordinal));
    }
}
