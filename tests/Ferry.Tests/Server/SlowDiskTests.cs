using System.Text;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>A disk that takes its time delays those who wait for it, and nobody else.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SlowDiskTests
{
    private const int Clients = 50;

    [Fact]
    public async Task Fifty_deliveries_that_wait_for_the_disk_hold_up_nobody_else()
    {
        using var directory = new TestDirectory();
        using var strace = new Strace("--seccomp-bpf", "-e", "trace=renameat2", "-e", "inject=renameat2:delay_enter=6s");
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = strace.Wrapper });
        PlainPeer[] slow = [.. Enumerable.Range(0, Clients).Select(_ => new PlainPeer(directory["socket"]))];
        foreach ((int i, PlainPeer peer) in slow.Index())
        {
            await peer.SendAllAsync(Encoding.ASCII.GetBytes($"slow{i}\ncontent"));
            Assert.Equal("Message received!", await peer.ReadAcknowledgementAsync());
        }

        Array.ForEach(slow, peer => peer.HalfClose());
        using var other = new PlainPeer(directory["socket"]);
        for (int i = 0; i < 10; i++)
        {
            await other.SendAllAsync("other\n"u8.ToArray());
            Assert.Equal("Message received!", await other.ReadAcknowledgementAsync());
        }

        Assert.Empty(Directory.EnumerateFiles(directory["root"]));
        foreach (PlainPeer peer in slow)
        {
            Assert.StartsWith("Stored 7 bytes ", PlainPeer.LastLine(await peer.ReadToEndAsync()), StringComparison.Ordinal);
            peer.Dispose();
        }
    }

    /// <summary>The stall time-out is about the sender; a write that takes longer than it is no fault of its.</summary>
    [Fact]
    public async Task A_slow_write_is_not_taken_for_a_silent_sender()
    {
        using var directory = new TestDirectory();
        using var strace = new Strace("-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_enter=3s");
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"], "--stall-timeout", "2s") { Wrapper = strace.Wrapper });

        Assert.StartsWith("Stored 5000 bytes ", await PlainPeer.DeliverAsync(directory["socket"], "file", new byte[5000]), StringComparison.Ordinal);
    }
}
