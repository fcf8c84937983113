using System.Text;
using CsCheck;
using Ferry.Sending;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Plain;

/// <summary>Ferry's client of the plain protocol, towards a server like the study's and towards Ferry's own.</summary>
public sealed class PlainClientTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(1_023)]
    [InlineData(1_024)]
    [InlineData(1_025)]
    [InlineData(300_000)]
    [InlineData(4_000_000)]
    public async Task Text_with_characters_of_every_length_arrives_at_a_server_that_decodes_each_receive(int characters)
    {
        using var server = new StudyServer();
        string text = string.Concat(Enumerable.Range(0, characters).Select(i => (i % 4) switch { 0 => "a", 1 => "ö", 2 => "漢", _ => "𝄞" }));

        Receipt receipt = await PlainClient.SendAsync($"plain:{server.Path}", new MemoryStream(Encoding.UTF8.GetBytes(text)), "name", cancellationToken: Cancel);

        Assert.Equal($"name\n{text}", Encoding.UTF8.GetString(await server.Received));
        Assert.Equal(ReceiptResult.Sent, receipt.Result);
        Assert.True(server.Longest <= 1024);
    }

    /// <summary>The whole command, from a file of some text to a server that serves one client and knows no last line.</summary>
    [Theory]
    [Trait("Category", "EndToEnd")]
    [InlineData(0)]
    [InlineData(10)]
    [InlineData(1_023)]
    [InlineData(1_024)]
    [InlineData(1_025)]
    [InlineData(5_000)]
    [InlineData(10_000_000)]
    public async Task The_command_delivers_text_and_says_that_nothing_confirmed_it(int size)
    {
        using var server = new StudyServer();
        using var directory = new TestDirectory();
        byte[] content = Encoding.UTF8.GetBytes(new string('ö', size / 2) + new string('a', size % 2));
        await File.WriteAllBytesAsync(directory["text"], content, Cancel);

        FerryResult result = await FerryProcess.RunAsync("send", directory["text"], "--at", $"plain:{server.Path}");

        Assert.Equal(0, result.ExitCode);
        Assert.StartsWith("sent, not confirmed: 1 file, ", result.Errors, StringComparison.Ordinal);
        byte[] received = await server.Received;
        Assert.Equal([.. "text\n"u8, .. content], received);
    }

    [Fact]
    public async Task A_server_that_dies_over_bytes_that_are_no_text_is_a_lost_connection()
    {
        using var server = new StudyServer();

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(
            () => PlainClient.SendAsync($"plain:{server.Path}", new MemoryStream([0xFF, 0xFE]), "name", cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.ConnectionLost, e.Code);
        await Assert.ThrowsAsync<DecoderFallbackException>(() => server.Received);
    }

    [Fact]
    public async Task A_server_that_does_not_answer_is_given_up_after_the_stall_time()
    {
        using var directory = new TestDirectory();
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(directory["socket"]));
        listener.Listen();

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => PlainClient.SendAsync(
            $"plain:{directory["socket"]}", new MemoryStream([1]), "name", clientOptions: new FerryClientOptions { StallTimeout = TimeSpan.FromMilliseconds(200) }, cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.Stalled, e.Code);
    }

    [Theory]
    [InlineData("\n")]
    [InlineData("\n\n")]
    [InlineData("Stored \n")]
    [InlineData("Refused \n")]
    [InlineData("no acknowledgement\n")]
    public async Task An_answer_that_is_no_acknowledgement_is_an_answer_all_the_same(string answer)
    {
        using var directory = new TestDirectory();
        using var listener = new System.Net.Sockets.Socket(System.Net.Sockets.AddressFamily.Unix, System.Net.Sockets.SocketType.Stream, System.Net.Sockets.ProtocolType.Unspecified);
        listener.Bind(new System.Net.Sockets.UnixDomainSocketEndPoint(directory["socket"]));
        listener.Listen();
        Task<Receipt> sending = PlainClient.SendAsync($"plain:{directory["socket"]}", new MemoryStream(), "name", cancellationToken: Cancel);
        using System.Net.Sockets.Socket client = await listener.AcceptAsync(Cancel);

        await client.SendAsync(Encoding.UTF8.GetBytes(answer), Cancel);
        client.Shutdown(System.Net.Sockets.SocketShutdown.Send);

        Assert.Equal(ReceiptResult.Sent, (await sending).Result);
    }

    [Theory]
    [InlineData("")]
    [InlineData(".")]
    [InlineData("..")]
    [InlineData("a/b")]
    [InlineData("a\nb")]
    [InlineData("a\0b")]
    [InlineData(".ferry")]
    public async Task A_name_that_the_protocol_cannot_carry_is_refused_before_connecting(string name)
    {
        FerryException e = await Assert.ThrowsAsync<FerryException>(() => PlainClient.SendAsync("plain:/nowhere", new MemoryStream(), name, cancellationToken: Cancel));

        Assert.True(e.Code is FerryErrorCode.BadName or FerryErrorCode.ReservedName, e.Code.ToString());
    }

    [Fact]
    public async Task Ferrys_own_server_confirms_what_it_stored()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = new byte[100_000];
        Random.Shared.NextBytes(content);

        Receipt receipt = await PlainClient.SendAsync($"plain:{served.Socket}", new MemoryStream(content), "name", cancellationToken: Cancel);

        Assert.Equal((ReceiptResult.Stored, 100_000, HashCheck.Both), (receipt.Result, receipt.Size, receipt.Checked));
        Assert.Equal(content, await File.ReadAllBytesAsync(served["name"], Cancel));
    }

    [Fact]
    public async Task A_refusal_by_Ferrys_own_server_has_its_code()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-file-size", "10K");

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => PlainClient.SendAsync($"plain:{served.Socket}", new MemoryStream(new byte[1_000_000]), "name", cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.TooLarge, e.Code);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public void A_piece_never_cuts_a_character_and_is_never_empty_or_too_long() =>
        Gen.Select(Gen.String[0, 3_000].Where(text => !text.Any(char.IsSurrogate)), Gen.Int[0, 3]).Sample((text, shift) =>
        {
            ReadOnlySpan<byte> left = Encoding.UTF8.GetBytes(new string('x', shift) + string.Concat(text.Select(c => c + "漢")));
            while (!left.IsEmpty)
            {
                int length = PlainPieces.PieceLength(left);
                if (length is < 1 or > 1024 || Encoding.UTF8.GetString(left[..length]).Contains('\uFFFD', StringComparison.Ordinal) && !text.Contains('\uFFFD', StringComparison.Ordinal))
                {
                    return false;
                }
                left = left[length..];
            }
            return true;
        }, iter: 300);

    [Fact]
    public void Bytes_that_are_no_text_are_cut_anywhere() => Assert.Equal(1024, PlainPieces.PieceLength(Enumerable.Repeat((byte)0x80, 2000).ToArray()));
}
