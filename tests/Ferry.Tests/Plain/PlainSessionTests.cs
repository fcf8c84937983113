using System.IO.Hashing;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Text;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Plain;

/// <summary>The plain protocol against a real server, by clients that put the study's bytes on the wire.</summary>
[Trait("Category", "EndToEnd")]
public sealed class PlainSessionTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static MatrixTheoryData<int, bool> StudyPayloads => new([0, 10, 1_023, 1_024, 1_025, 5_000, 1_000_000, 50_000_000], [false, true]);

    /// <summary>What the study's client does: everything in pieces of 1,024 bytes, then one receive, then close.</summary>
    [Theory]
    [MemberData(nameof(StudyPayloads))]
    public async Task A_client_that_receives_once_and_closes_has_delivered(int size, bool isText)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = isText ? [.. Enumerable.Range(0, size).Select(at => (byte)(at % 64 == 63 ? '\n' : 'a' + at % 26))] : RandomNumberGenerator.GetBytes(size);
        using (var peer = new PlainPeer(served.Socket))
        {
            await peer.SendAllAsync("INFILE\n"u8.ToArray());
            foreach (byte[] piece in content.Chunk(1024))
            {
                await peer.SendAllAsync(piece);
            }
            Assert.Equal("Message received!", await peer.ReadAcknowledgementAsync());
        }

        Assert.Equal(content, await served.WaitForFileAsync("INFILE"));
        Assert.StartsWith("Stored 1 bytes", await PlainPeer.DeliverAsync(served.Socket, "next", [1]), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_client_in_lock_step_gets_an_answer_for_each_piece()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(500_000);
        using (var peer = new PlainPeer(served.Socket))
        {
            foreach (byte[] piece in content.Chunk(1000).Prepend("lock-step\n"u8.ToArray()))
            {
                await peer.SendAllAsync(piece);
                Assert.Equal("Message received!", await peer.ReadAcknowledgementAsync());
            }
        }

        Assert.Equal(content, await served.WaitForFileAsync("lock-step"));
    }

    [Fact]
    public async Task A_client_that_never_reads_has_delivered()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(3_000_000);
        using (var peer = new PlainPeer(served.Socket))
        {
            await peer.SendAllAsync("deaf\n"u8.ToArray());
            foreach (byte[] piece in content.Chunk(100))
            {
                await peer.SendAllAsync(piece);
            }
        }

        Assert.Equal(content, await served.WaitForFileAsync("deaf"));
    }

    [Fact]
    public async Task A_byte_at_a_time_arrives_as_well()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(3_000);
        using var peer = new PlainPeer(served.Socket);
        foreach (byte value in "slow\n"u8.ToArray().Concat(content))
        {
            await peer.SendAllAsync(new[] { value });
        }
        peer.HalfClose();

        Assert.StartsWith("Stored 3000 bytes ", PlainPeer.LastLine(await peer.ReadToEndAsync()), StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["slow"], Cancel));
    }

    [Fact]
    public async Task A_half_closing_client_reads_one_line_that_says_what_is_stored()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(300_000);

        string line = await PlainPeer.DeliverAsync(served.Socket, "name with spaces", content);

        Assert.Equal($"Stored 300000 bytes xxh128:{Convert.ToHexStringLower(XxHash128.Hash(content))} received name with spaces", line);
    }

    [Theory]
    [InlineData("nc", "nc -N -U SOCKET < FILE | tail -n 1")]
    [InlineData("socat", "socat -t 30 - UNIX-CONNECT:SOCKET < FILE | tail -n 1")]
    public async Task Netcat_and_socat_deliver_and_show_the_last_line(string program, string command)
    {
        Needs.Program(program);
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(2_000_000);
        string file = Path.Combine(served.Sources, "payload");
        await File.WriteAllBytesAsync(file, [.. "tool\n"u8, .. content], Cancel);

        string line = Tool.Run("sh", "-c", command.Replace("SOCKET", served.Socket, StringComparison.Ordinal).Replace("FILE", file, StringComparison.Ordinal));

        Assert.StartsWith("Stored 2000000 bytes ", line, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["tool"], Cancel));
    }

    /// <summary>Netcat drops what it has not read when the other side closes with something unread.</summary>
    [Theory]
    [InlineData(10)]
    [InlineData(5_000_000)]
    public async Task Netcat_shows_why_a_file_was_refused(int size)
    {
        Needs.Program("nc");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = Path.Combine(served.Sources, "payload");
        await File.WriteAllBytesAsync(file, [.. "../up\n"u8, .. new byte[size]], Cancel);

        string line = Tool.Run("sh", "-c", $"nc -N -U {served.Socket} < {file} | tail -n 1");

        Assert.StartsWith("Refused bad-name: ", line, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("a/b", "bad-name")]
    [InlineData("/etc/passwd", "bad-name")]
    [InlineData("../up", "bad-name")]
    [InlineData("..", "bad-name")]
    [InlineData(".", "bad-name")]
    [InlineData("", "bad-name")]
    [InlineData("a\0b", "bad-name")]
    [InlineData(".ferry", "reserved-name")]
    [InlineData("PUT /x HTTP/1.1\r", "bad-name")]
    public async Task A_name_that_is_no_plain_name_is_refused_and_stores_nothing(string name, string code)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        string line = await PlainPeer.DeliverAsync(served.Socket, name, RandomNumberGenerator.GetBytes(100_000));

        Assert.StartsWith($"Refused {code}: ", line, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task A_name_of_255_bytes_is_stored_and_one_of_256_refused()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        Assert.StartsWith("Stored 3 bytes ", await PlainPeer.DeliverAsync(served.Socket, new string('n', 255), [1, 2, 3]), StringComparison.Ordinal);
        Assert.StartsWith("Refused name-too-long: ", await PlainPeer.DeliverAsync(served.Socket, new string('m', 256), [1, 2, 3]), StringComparison.Ordinal);
        Assert.StartsWith("Refused name-too-long: ", await PlainPeer.DeliverAsync(served.Socket, [], Enumerable.Repeat((byte)'m', 100_000).ToArray()), StringComparison.Ordinal);
        Assert.Equal([new string('n', 255)], served.Visible);
    }

    [Fact]
    public async Task Names_with_control_codes_or_bytes_that_are_not_UTF_8_are_stored_and_shown_escaped()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        string line = await PlainPeer.DeliverAsync(served.Socket, [(byte)'a', 0xFF, 0x1B, (byte)'\r', (byte)'\n'], [1]);

        Assert.EndsWith(" received a\\xFF\\x1B\\r", line, StringComparison.Ordinal);
        Assert.Equal("61ff1b0d", Tool.Run("sh", "-c", $"ls -N '{served.Root}' | grep -av '^.ferry' | tr -d '\\n' | od -An -tx1 | tr -d ' \\n'"));
    }

    [Theory]
    [InlineData("")]
    [InlineData("half a na")]
    public async Task A_connection_that_ends_before_its_name_line_stores_nothing(string sent)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using (var peer = new PlainPeer(served.Socket))
        {
            await peer.SendAllAsync(Encoding.UTF8.GetBytes(sent));
            peer.HalfClose();
            string answers = await peer.ReadToEndAsync();
            Assert.Equal(sent.Length > 0, answers.Contains("\nRefused bad-name: the connection ended before its name line", StringComparison.Ordinal));
        }

        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task A_client_that_stops_in_the_middle_is_refused_after_the_stall_time_and_keeps_nobody_waiting()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--stall-timeout", "2s");
        using var silent = new PlainPeer(served.Socket);
        using var stopping = new PlainPeer(served.Socket);
        await stopping.SendAllAsync("stopped\nabc"u8.ToArray());

        Assert.StartsWith("Stored 1 bytes", await PlainPeer.DeliverAsync(served.Socket, "other", [1]), StringComparison.Ordinal);

        Assert.Contains("\nRefused stalled: ", await stopping.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Equal("", await silent.ReadToEndAsync());
        Assert.Equal(["other"], served.Visible);
    }

    /// <summary>The client writes only; it learns of the refusal from the broken pipe, at once and not after gigabytes.</summary>
    [Fact]
    public async Task A_delivery_that_fails_midway_is_closed_at_once()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-file-size", "100K");
        using var peer = new PlainPeer(served.Socket);
        byte[] piece = new byte[10_000];
        await peer.SendAllAsync("large\n"u8.ToArray());

        SocketException e = await Assert.ThrowsAsync<SocketException>(async () =>
        {
            for (int i = 0; i < 1_000; i++)
            {
                await peer.Socket.SendAsync(piece);
            }
        });

        Assert.True(e.SocketErrorCode is SocketError.Shutdown or SocketError.ConnectionReset, e.SocketErrorCode.ToString());
        Assert.Contains("\nRefused too-large: ", await peer.ReadToEndAsync(), StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Fifty_slow_clients_do_not_hold_up_a_fast_one()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(20_000_000);
        List<PlainPeer> slow = [.. Enumerable.Range(0, 50).Select(_ => new PlainPeer(served.Socket))];
        foreach ((int i, PlainPeer peer) in slow.Index())
        {
            await peer.SendAllAsync(Encoding.UTF8.GetBytes($"slow{i}\nsome"));
        }

        // A server that served one after the other would never come to this one: the others do not end.
        Assert.StartsWith("Stored 20000000 bytes ", await PlainPeer.DeliverAsync(served.Socket, "among", content), StringComparison.Ordinal);
        slow.ForEach(peer => peer.Dispose());
    }

    [Fact]
    public async Task A_server_without_the_plain_protocol_says_so()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--no-plain");

        Assert.StartsWith("Refused not-allowed: this server does not take the plain protocol", await PlainPeer.DeliverAsync(served.Socket, "x", [1]), StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }
}
