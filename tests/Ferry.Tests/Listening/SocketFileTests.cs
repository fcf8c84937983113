using System.Net.Sockets;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Listening;

/// <summary>The socket file through a server's life: real processes that start, race, die and stop.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SocketFileTests
{
    [Fact]
    public async Task The_file_is_private_and_gone_after_a_clean_stop()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Assert.Equal("600", Tool.Run("stat", "-c", "%a", served.Socket).Trim());

        FerryResult result = await served.Server.StopAsync();

        Assert.Equal(0, result.ExitCode);
        Assert.False(File.Exists(served.Socket));
        Assert.True(File.Exists(served.Socket + ".lock"));
    }

    [Fact]
    public async Task A_second_server_stops_with_an_error_that_names_the_first()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        FerryResult second = await FerryProcess.RunAsync("serve", served.Sources, "--at", served.Socket);

        Assert.Equal(2, second.ExitCode);
        Assert.Contains($"another server holds it (pid {served.Server.Pid})", second.Errors, StringComparison.Ordinal);
        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(served.Socket, "still", [1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_second_server_on_the_same_directory_stops_too()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        FerryResult second = await FerryProcess.RunAsync("serve", served.Root, "--at", served.Socket + "2");

        Assert.Equal(2, second.ExitCode);
        Assert.Contains($"{served.Server.Pid}", second.Errors, StringComparison.Ordinal);
        Assert.False(File.Exists(served.Socket + "2"));
    }

    [Fact]
    public async Task A_server_that_was_killed_leaves_a_file_that_the_next_one_replaces()
    {
        using var directory = new TestDirectory();
        FerryPath[] serve = ["serve", directory["root"], "--at", directory["socket"]];
        await using (FerryServerProcess first = await FerryServerProcess.StartAsync(serve))
        {
            await first.StopAsync(Signal.Kill);
        }
        Assert.True(File.Exists(directory["socket"]));

        await using FerryServerProcess second = await FerryServerProcess.StartAsync(serve);

        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["socket"], "again", [1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Another_program_that_listens_there_is_left_alone()
    {
        using var directory = new TestDirectory();
        using var other = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        other.Bind(new UnixDomainSocketEndPoint(directory["socket"]));
        other.Listen();

        FerryResult result = await FerryProcess.RunAsync("serve", directory["root"], "--at", directory["socket"]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"somebody listens there already (pid {Environment.ProcessId})", result.Errors, StringComparison.Ordinal);
        Assert.True(File.Exists(directory["socket"]));
    }

    [Fact]
    public async Task A_file_that_is_no_socket_is_left_alone()
    {
        using var directory = new TestDirectory();
        await File.WriteAllTextAsync(directory["socket"], "precious", TestContext.Current.CancellationToken);

        FerryResult result = await FerryProcess.RunAsync("serve", directory["root"], "--at", directory["socket"]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("a file is there", result.Errors, StringComparison.Ordinal);
        Assert.Equal("precious", await File.ReadAllTextAsync(directory["socket"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_file_that_somebody_put_in_its_place_survives_the_stop()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        File.Delete(served.Socket);
        await File.WriteAllTextAsync(served.Socket, "not ours", TestContext.Current.CancellationToken);

        await served.Server.StopAsync();

        Assert.Equal("not ours", await File.ReadAllTextAsync(served.Socket, TestContext.Current.CancellationToken));
    }

    [Theory]
    [InlineData(107)]
    [InlineData(108)]
    [InlineData(109)]
    [InlineData(300)]
    [InlineData(2_000)]
    public async Task A_path_of_any_length_works_on_both_sides(int length)
    {
        using var directory = new TestDirectory();
        string parent = directory.Path;
        while (length - parent.Length > 250)
        {
            parent = Path.Combine(parent, new string('d', 200));
        }
        string socket = Path.Combine(Directory.CreateDirectory(parent).FullName, new string('s', length - parent.Length - 1));
        Assert.Equal(length, socket.Length);
        await File.WriteAllTextAsync(directory["file"], "content", TestContext.Current.CancellationToken);

        await using FerryServerProcess server = await FerryServerProcess.StartAsync("serve", directory["root"], "--at", socket);
        FerryResult result = await FerryProcess.RunAsync("send", directory["file"], "--at", socket);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("content", await File.ReadAllTextAsync(directory["root/file"], TestContext.Current.CancellationToken));
    }

    [Fact]
    public async Task A_server_killed_before_its_socket_has_its_name_leaves_nothing_that_stays()
    {
        using var directory = new TestDirectory();
        using var strace = new Strace("-e", "trace=renameat,renameat2", "-e", "inject=renameat,renameat2:signal=KILL");
        FerryPath[] serve = ["serve", directory["root"], "--at", directory["socket"]];
        await Assert.ThrowsAsync<InvalidOperationException>(() => FerryServerProcess.StartAsync(new FerryCommand(serve) { Wrapper = strace.Wrapper }));
        Assert.Single(Directory.GetFiles(directory.Path, ".ferry-*"));
        Assert.False(File.Exists(directory["socket"]));

        await using FerryServerProcess next = await FerryServerProcess.StartAsync(serve);

        Assert.Empty(Directory.GetFiles(directory.Path, ".ferry-*"));
        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["socket"], "file", [1]), StringComparison.Ordinal);
    }

    /// <summary>From the second race on there is the socket of a server that was killed: a stale one is what tempts starters to remove each other's.</summary>
    [Fact]
    public async Task Of_six_servers_started_at_once_exactly_one_serves()
    {
        using var directory = new TestDirectory();
        for (int race = 0; race < 20; race++)
        {
            Task<FerryServerProcess>[] starts =
            [
                .. Enumerable.Range(0, 6).Select(i => FerryServerProcess.StartAsync("serve", directory[$"root{i}"], "--at", directory["socket"])),
            ];
            await ((Task)Task.WhenAll(starts)).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);

            Task<FerryServerProcess> winner = Assert.Single(starts, start => start.IsCompletedSuccessfully);
            Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["socket"], "one", [1]), StringComparison.Ordinal);
            await (await winner).StopAsync(Signal.Kill);
            await (await winner).DisposeAsync();
        }
    }
}
