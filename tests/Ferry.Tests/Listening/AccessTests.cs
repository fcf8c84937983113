using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Listening;

/// <summary>Who may connect, tried as the users concerned.</summary>
[Trait("Category", "EndToEnd")]
public sealed class AccessTests
{
    private const string Stranger = "54321";

    [Fact]
    public async Task Another_user_is_kept_out_by_the_sockets_mode()
    {
        await using ServedDirectory served = await StartAsync();

        FerryResult result = await SendAsAsync(served, $"--reuid={Stranger}", "--regid=60000", "--clear-groups");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains("Permission denied", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_user_who_is_not_allowed_is_told_which_option_would_allow_it()
    {
        await using ServedDirectory served = await StartAsync("--allow-user", "12345");

        FerryResult result = await SendAsAsync(served, $"--reuid={Stranger}", "--regid=60000", "--clear-groups");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains($"refused: to this server you are uid {Stranger}; its owner can add --allow-user {Stranger}", result.Errors, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
        Assert.Contains("Refused uid 54321", served.Server.Log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--allow-user", Stranger)]
    [InlineData("--allow-group", "60000")]
    [InlineData("--allow-group", "60001")]
    [InlineData("--group", "60001")]
    public async Task Who_is_allowed_delivers(string option, string value)
    {
        await using ServedDirectory served = await StartAsync(option, value);

        FerryResult result = await SendAsAsync(served, $"--reuid={Stranger}", "--regid=60000", "--groups=60001");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal(["stdin"], served.Visible);
        Assert.Equal(option == "--group" ? "660" : "666", Tool.Run("stat", "-c", "%a", served.Socket).Trim());
    }

    [Fact]
    public async Task With_allow_anyone_the_sockets_mode_decides()
    {
        await using ServedDirectory served = await StartAsync("--allow-anyone", "--mode", "0666");

        FerryResult result = await SendAsAsync(served, "--reuid=65534", "--regid=65534", "--clear-groups");

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [Fact]
    public async Task The_user_that_stands_for_all_unknown_ones_is_never_matched()
    {
        await using ServedDirectory served = await StartAsync("--allow-user", "65534", "--allow-group", "60000");

        FerryResult result = await SendAsAsync(served, "--reuid=65534", "--regid=60000", "--clear-groups");

        Assert.Equal(4, result.ExitCode);
        Assert.Contains("--allow-anyone", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_refused_client_of_the_plain_protocol_is_told_too()
    {
        Needs.Program("nc");
        await using ServedDirectory served = await StartAsync("--allow-user", "12345");

        string answer = Tool.Run("setpriv", $"--reuid={Stranger}", "--regid=60000", "--clear-groups", "sh", "-c", $"printf 'x\\ny' | nc -N -U {served.Socket}");

        Assert.Contains($"\nRefused not-allowed: refused: to this server you are uid {Stranger}", answer, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_name_that_nobody_has_stops_the_server_at_once()
    {
        using var directory = new TestDirectory();

        FerryResult result = await FerryProcess.RunAsync("serve", directory["root"], "--at", directory["socket"], "--allow-user", "no-such-user");

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("there is no user 'no-such-user'", result.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_group_that_stands_for_all_unknown_ones_is_never_matched()
    {
        await using ServedDirectory served = await StartAsync("--allow-group", "65534");

        FerryResult result = await SendAsAsync(served, $"--reuid={Stranger}", "--regid=65534", "--clear-groups");

        Assert.Equal(4, result.ExitCode);
    }

    /// <summary>A mode that keeps people out is named, one that lets in just those whom the options allow is not.</summary>
    [Theory]
    [InlineData("0700", 0, 0, true, "--allow-user", Stranger)]
    [InlineData("0750", 0, 60000, true, "--allow-user", Stranger)]
    [InlineData("0711", 0, 0, false, "--allow-user", Stranger)]
    [InlineData("0700", 54321, 0, false, "--allow-user", Stranger)]
    [InlineData("0750", 0, 60000, false, "--allow-group", "60000")]
    [InlineData("0750", 0, 60000, false, "--group", "60000")]
    [InlineData("0750", 0, 0, true, "--group", "60000")]
    [InlineData("0700", 0, 0, true, "--allow-anyone", "--mode", "0666")]
    [InlineData("0700", 0, 0, false, "--allow-anyone")]
    [InlineData("0700", 0, 0, false)]
    public async Task A_parent_directory_that_keeps_allowed_users_out_is_named_at_the_start(string mode, int user, int group, bool warned, params string[] options)
    {
        Needs.Root();
        using var directory = new TestDirectory();
        string closed = Directory.CreateDirectory(directory["closed"]).FullName;
        Tool.Run("chown", $"{user}:{group}", closed);
        Tool.Run("chmod", mode, closed);

        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            ["serve", directory["root"], "--at", Path.Combine(closed, "socket"), .. options.Select(option => (FerryPath)option)]);

        Assert.Equal(warned, server.Log.Contains($"the directory {closed} has mode {mode}, which keeps out people whom this server lets in", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_mode_of_the_socket_that_keeps_allowed_users_out_is_named_at_the_start()
    {
        await using ServedDirectory served = await StartAsync("--allow-user", Stranger, "--mode", "0600");

        Assert.Contains("the socket has mode 0600, which keeps out people whom this server lets in", served.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_start_says_who_may_connect_before_the_first_connection_is_waited_for()
    {
        await using ServedDirectory served = await StartAsync("--allow-user", Stranger, "--group", "60000");
        await PlainPeer.DeliverAsync(served.Socket, "file", [1]);
        await served.Server.WaitForLogAsync("Stored file: ");

        string[] lines = served.Server.Log.Split('\n');

        int started = Array.FindIndex(lines, line => line.StartsWith("Server started at ", StringComparison.Ordinal));
        Assert.Contains($"who may connect: uid 0, {Stranger} and gid 60000 (socket mode 0666)", lines[started], StringComparison.Ordinal);
        Assert.Equal("Waiting for a connection...", lines[started + 1]);
        Assert.StartsWith("Connection established! uid 0", lines[started + 2], StringComparison.Ordinal);
        Assert.StartsWith("Stored file: 1 bytes, xxh128:", lines[started + 3], StringComparison.Ordinal);
    }

    private static Task<ServedDirectory> StartAsync(params string[] options)
    {
        Needs.Root();
        Needs.Program("setpriv");
        return ServedDirectory.StartAsync(options);
    }

    private static Task<FerryResult> SendAsAsync(ServedDirectory served, params string[] identity) => FerryProcess.RunAsync(
        new FerryCommand("send", "-", "--as", "stdin", "--at", served.Socket)
        {
            Wrapper = ["setpriv", .. identity, "--"],
            Input = new MemoryStream("content"u8.ToArray()),
        });
}
