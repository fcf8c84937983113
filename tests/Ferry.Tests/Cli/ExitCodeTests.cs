using System.Net.Sockets;
using System.Text.Json;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>Each exit code of the contract, reached by the real command.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ExitCodeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Zero_when_every_entry_is_stored()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file", "content");

        FerryResult result = await served.SendAsync(file);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.StartsWith("stored 1 file, 7 B in ", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("no PATH")]
    [InlineData("--as with two PATHs", "a", "b", "--as", "c")]
    [InlineData("--into and --as", "a", "--into", "d", "--as", "c")]
    [InlineData("standard input without a name", "-")]
    [InlineData("two PATHs under one name", "x/a", "y/a")]
    [InlineData("a scheme that is unknown", "a", "--at", "gopher:x")]
    [InlineData("a time without a unit", "a", "--wait", "10")]
    [InlineData("a level that is none", "a", "--durability", "eternal")]
    [InlineData("a tree over plain", "/tmp", "--at", "plain:/nowhere")]
    [InlineData("a directory over plain", "a", "--into", "d", "--at", "plain:/nowhere")]
    public async Task Two_for_arguments_that_do_not_go_together(string what, params string[] arguments)
    {
        FerryResult result = await FerryProcess.RunAsync(["send", .. arguments.Select(argument => (FerryPath)argument)]);

        Assert.True(result.ExitCode == 2, $"{what}: {result}");
        Assert.StartsWith("ferry: ", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Three_when_nobody_listens()
    {
        using var directory = new TestDirectory();

        FerryResult result = await FerryProcess.RunAsync("send", directory.Path, "--at", directory["none"], "--json");

        Assert.Equal(3, result.ExitCode);
        Assert.Equal($"ferry: no server at {directory["none"]}: no such file; start one with: ferry serve DIR --at {directory["none"]}\n", result.Errors);
        Assert.Equal("no-server", JsonDocument.Parse(result.Output).RootElement.GetProperty("error").GetString());
    }

    [Fact]
    public async Task Three_when_the_server_has_no_connection_left()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-connections", "1");
        using var other = new PlainPeer(served.Socket);
        await other.SendAllAsync("name\n"u8.ToArray());
        await other.ReadAcknowledgementAsync();

        FerryResult result = await served.SendAsync(await WriteAsync(served, "file", ""));

        Assert.Equal(3, result.ExitCode);
        Assert.Contains("all its 1 connections in use", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Five_when_the_server_dies_in_the_middle()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", "/dev/zero", "--as", "zero", "--at", served.Socket, "--json"));
        await served.Server.WaitForLogAsync("Connection established!");

        await served.Server.StopAsync(Signal.Kill);
        FerryResult result = await sending;

        Assert.Equal(5, result.ExitCode);
        Assert.Contains("\"result\":\"unknown\"", result.Output, StringComparison.Ordinal);
        Assert.Contains("\"error\":\"connection-lost\"", result.Output, StringComparison.Ordinal);
        Assert.Contains($"\nferry: {served.Socket}: the ", result.Errors, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    /// <summary>A server that stored something else than was sent, by its own receipt.</summary>
    [Fact]
    public async Task Six_when_the_hash_differs()
    {
        using var directory = new TestDirectory();
        using var listener = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        listener.Bind(new UnixDomainSocketEndPoint(directory["socket"]));
        listener.Listen();
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);
        Task<FerryResult> sending = FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"], "--json");
        await using var stream = new NetworkStream(await listener.AcceptAsync(Cancel), ownsSocket: true);
        using var peer = new ScriptedPeer(stream);
        await peer.GreetSecondAsync();
        uint entry = (await peer.ReadAsync(FrameType.Offer)).Entry;
        await peer.ReadAsync(FrameType.End);

        await peer.SendAsync(entry, new ReceiptMessage(ReceiptResult.Stored, null, 7, new byte[16], HashCheck.Both, Durability.Received, TransferMethod.Streamed, null, null));
        await peer.ReadAsync(FrameType.Finish);
        await peer.SendAsync(0, new Finish());
        FerryResult result = await sending;

        Assert.Equal(6, result.ExitCode);
        Assert.Contains("\"result\":\"mismatch\"", result.Output, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Seven_when_the_disk_is_full_and_the_server_lives_on()
    {
        Needs.Mounting();
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("8m");
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync("serve", disk["root"], "--at", directory["socket"]);
        await File.WriteAllBytesAsync(directory["large"], new byte[20_000_000], Cancel);

        FerryResult known = await FerryProcess.RunAsync("send", directory["large"], "--at", directory["socket"]);
        FerryResult unknown = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", "piped", "--at", directory["socket"]) { Input = new MemoryStream(new byte[20_000_000]) });
        FerryResult plain = await FerryProcess.RunAsync("send", directory["large"], "--at", $"plain:{directory["socket"]}");
        FerryResult small = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", "small", "--at", directory["socket"]) { Input = new MemoryStream(new byte[1_000]) });

        Assert.Equal([7, 7, 7, 0], new[] { known, unknown, plain, small }.Select(result => result.ExitCode));
        Assert.Contains("no-space", known.Errors, StringComparison.Ordinal);
        Assert.Equal([".ferry", "small"], Directory.GetFileSystemEntries(disk["root"]).Select(Path.GetFileName).Order());
    }

    [Fact]
    public async Task Seven_when_only_the_reserve_is_left()
    {
        Needs.Mounting();
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("8m");
        using var directory = new TestDirectory();
        await File.WriteAllBytesAsync(directory["file"], new byte[3_000_000], Cancel);

        FerryResult reserved = await SendAsync("6M");
        FerryResult free = await SendAsync("none");

        Assert.Equal([7, 0], new[] { reserved.ExitCode, free.ExitCode });
        Assert.Contains("make room or lower --reserve-free", reserved.Errors, StringComparison.Ordinal);

        async Task<FerryResult> SendAsync(string reserve)
        {
            await using FerryServerProcess server = await FerryServerProcess.StartAsync("serve", disk["root"], "--at", directory["socket"], "--reserve-free", reserve);
            return await FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"]);
        }
    }

    [Fact]
    public async Task Eight_when_the_servers_storage_fails()
    {
        using var strace = new Strace("-e", "trace=utimensat", "-e", "inject=utimensat:error=EIO");
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = strace.Wrapper });
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);

        FerryResult result = await FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"]);

        Assert.Equal(8, result.ExitCode);
        Assert.Contains("Input/output error", result.Errors, StringComparison.Ordinal);
        Assert.Equal([".ferry"], Directory.GetFileSystemEntries(directory["root"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Nine_when_the_server_refuses_a_file()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "refuse", "--max-file-size", "1K");
        string file = await WriteAsync(served, "file", "content");
        string large = await WriteAsync(served, "large", new string('x', 2_000));

        Assert.Equal(0, (await served.SendAsync(file)).ExitCode);
        Assert.Equal(9, (await served.SendAsync(file)).ExitCode);
        Assert.Equal(9, (await served.SendAsync(large)).ExitCode);
        Assert.Equal(9, (await served.SendAsync(file, "--as", ".ferry/x")).ExitCode);
        Assert.Equal(9, (await served.SendAsync(file, "--as", "a/../b")).ExitCode);
    }

    [Fact]
    public async Task Nine_when_durable_was_asked_for_and_the_server_gives_less()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--durability", "received");

        FerryResult result = await served.SendAsync(await WriteAsync(served, "file", "content"), "--durability", "durable");

        Assert.Equal(9, result.ExitCode);
        Assert.Contains("stored, but received where durable was asked for", result.Errors, StringComparison.Ordinal);
        Assert.Equal(["file"], served.Visible);
    }

    [Fact]
    public async Task Ten_when_the_server_keeps_what_it_has()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "keep");

        Assert.Equal(0, (await served.SendAsync(await WriteAsync(served, "file", "first"))).ExitCode);
        FerryResult second = await served.SendAsync(await WriteAsync(served, "file", "second"), "--json");

        Assert.Equal(10, second.ExitCode);
        Assert.Equal("kept", JsonDocument.Parse(second.Output).RootElement.GetProperty("result").GetString());
        Assert.Equal("first", await File.ReadAllTextAsync(served["file"], Cancel));
    }

    [Fact]
    public async Task Eleven_when_a_source_cannot_be_read_and_the_others_go_on()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        FerryResult result = await served.SendAsync(served.Sources + "/missing", await WriteAsync(served, "file", "content"));

        Assert.Equal(11, result.ExitCode);
        Assert.Contains("No such file or directory", result.Errors, StringComparison.Ordinal);
        Assert.Equal(["file"], served.Visible);
    }

    [Fact]
    public async Task Twelve_when_a_source_changes_while_it_is_read()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file", new string('x', 100_000_000));
        using var writing = new CancellationTokenSource();
        Task writer = Task.Run(() =>
        {
            using FileStream stream = File.OpenWrite(file);
            while (!writing.IsCancellationRequested)
            {
                stream.Position = 0;
                stream.WriteByte(1);
                stream.Flush();
            }
        }, Cancel);

        FerryResult result = await served.SendAsync(file, "--json");
        await writing.CancelAsync();
        await writer;

        Assert.Equal(12, result.ExitCode);
        Assert.Equal("changed", JsonDocument.Parse(result.Output).RootElement.GetProperty("result").GetString());
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Thirteen_when_special_files_were_not_sent_unless_they_may_be_skipped()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        await File.WriteAllTextAsync(Path.Combine(tree, "file"), "content", Cancel);
        for (int i = 0; i < 12; i++)
        {
            File.CreateSymbolicLink(Path.Combine(tree, $"link{i:00}"), "file");
        }
        Tool.Run("mkfifo", Path.Combine(tree, "fifo"));

        FerryResult result = await served.SendAsync(tree);
        FerryResult skipped = await served.SendAsync(tree, "--skip-special");

        Assert.Equal(13, result.ExitCode);
        Assert.Equal(10 + 2, result.Errors.Split('\n').Count(line => line.StartsWith("not sent: ", StringComparison.Ordinal)));
        Assert.Contains("not sent: 12 in all: a symbolic link is not sent", result.Errors, StringComparison.Ordinal);
        Assert.Equal(0, skipped.ExitCode);
        Assert.Equal(["file"], Directory.GetFileSystemEntries(served["tree"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task Fourteen_when_the_peer_speaks_something_else()
    {
        Needs.Program("socat");
        using var directory = new TestDirectory();
        using System.Diagnostics.Process other = System.Diagnostics.Process.Start("socat", ["UNIX-LISTEN:" + directory["socket"], "SYSTEM:echo Message received!; cat >/dev/null"])!;
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);

        FerryResult result = await FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"], "--wait", "10s");
        other.Kill();

        Assert.Equal(14, result.ExitCode);
        Assert.Contains("write plain: before its address", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(Signal.Interrupt)]
    [InlineData(Signal.Terminate)]
    public async Task A_hundred_twenty_eight_and_the_signal_that_ended_it(int signal)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        var pid = new TaskCompletionSource<int>();
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", "/dev/zero", "--as", "zero", "--at", served.Socket) { Started = pid.SetResult });
        await served.Server.WaitForLogAsync("Connection established!");

        Signal.Send(await pid.Task, signal);
        FerryResult result = await sending;

        Assert.Equal(128 + signal, result.ExitCode);
        await served.Server.WaitForLogAsync("Delivery failed");
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task A_server_with_once_ends_with_the_exit_code_of_its_delivery()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--once", "--max-file-size", "1K");
        using (new PlainPeer(served.Socket))
        {
            // It sends nothing, so it does not count.
        }

        FerryResult sent = await served.SendAsync(await WriteAsync(served, "large", new string('x', 2_000)));

        Assert.Equal(9, sent.ExitCode);
        Assert.Equal(9, (await served.Server.WaitAsync()).ExitCode);
    }

    [Fact]
    public async Task A_server_with_once_ends_as_its_sender_does_when_it_stores_less_safely_than_was_asked_for()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--once", "--durability", "received");

        FerryResult sent = await served.SendAsync(await WriteAsync(served, "file", "content"), "--durability", "durable");

        Assert.Equal(9, sent.ExitCode);
        Assert.Equal(9, (await served.Server.WaitAsync()).ExitCode);
        Assert.Equal(["file"], served.Visible);
    }

    private static async Task<string> WriteAsync(ServedDirectory served, string name, string content)
    {
        string path = Path.Combine(served.Sources, name);
        await File.WriteAllTextAsync(path, content, Cancel);
        return path;
    }
}
