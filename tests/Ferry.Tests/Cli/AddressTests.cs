using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>Where the command looks for its server, and where it makes the socket.</summary>
[Trait("Category", "EndToEnd")]
public sealed class AddressTests : IDisposable
{
    private const string User = "12345";

    private readonly TestDirectory directory = new();

    public AddressTests() => File.WriteAllText(directory["file"], "content");

    [Theory]
    [InlineData("gopher:x", "'gopher:x' names the unknown scheme 'gopher': known are unix:PATH and plain:PATH; a socket whose name holds a colon is written ./gopher:x")]
    [InlineData("a:b/c", "'a:b/c' names the unknown scheme 'a': known are unix:PATH and plain:PATH; a socket whose name holds a colon is written ./a:b/c")]
    [InlineData("", "the address names no socket: give a path, or one of unix:PATH and plain:PATH")]
    [InlineData("unix:", "the address names no socket: give a path, or one of unix:PATH and plain:PATH")]
    public async Task An_address_that_is_none_is_answered_with_those_that_are_known(string address, string message)
    {
        FerryResult given = await SendAsync(["--at", address]);
        FerryResult fromEnvironment = await SendAsync([], ("FERRY_SOCKET", address.Length > 0 ? address : "unix:"));

        Assert.All([given, fromEnvironment], result =>
        {
            Assert.Equal(2, result.ExitCode);
            Assert.Equal($"ferry: {message}\n", result.Errors);
        });
    }

    [Theory]
    [InlineData("./a:b", "./a:b")]
    [InlineData("unix:a:b", "./a:b")]
    [InlineData("d/a:b", "d/a:b")]
    public async Task A_colon_may_stand_in_a_path(string address, string file)
    {
        Directory.CreateDirectory(directory["d"]);
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", "inbox", "--at", address) { WorkingDirectory = directory.Path });

        FerryResult result = await SendAsync([], ("FERRY_SOCKET", address));

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("s", Tool.Run("sh", "-c", $"cd '{directory.Path}'; [ -S '{file}' ] && printf s"));
    }

    [Fact]
    public async Task What_is_given_goes_before_the_environment_and_both_before_the_default()
    {
        FerryResult given = await SendAsync(["--at", "/given"], ("FERRY_SOCKET", "/variable"), ("XDG_RUNTIME_DIR", "/runtime"));
        FerryResult variable = await SendAsync([], ("FERRY_SOCKET", "/variable"), ("XDG_RUNTIME_DIR", "/runtime"));

        Assert.StartsWith("ferry: no server at /given: no such file; start one with: ferry serve DIR --at /given\n", given.Errors, StringComparison.Ordinal);
        Assert.StartsWith("ferry: no server at /variable: ", variable.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task By_default_root_has_a_directory_of_its_own_in_run()
    {
        string log = await ServeAndSendAsync(user: "0", null, "/run/ferry");

        Assert.Contains("Server started at /run/ferry/ferry.sock", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task By_default_others_have_theirs_in_their_runtime_directory()
    {
        string runtime = Directory.CreateDirectory(directory["runtime"]).FullName;
        Needs.Root();
        Tool.Run("chown", User, runtime);

        string log = await ServeAndSendAsync(User, runtime, $"{runtime}/ferry");

        Assert.Contains($"Server started at {runtime}/ferry/ferry.sock", log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Without_that_variable_it_is_run_user_where_that_is_the_users_own()
    {
        string log = await ServeAndSendAsync(User, null, $"/run/user/{User}/ferry");

        Assert.Contains($"Server started at /run/user/{User}/ferry/ferry.sock", log, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("none")]
    [InlineData("a stranger's")]
    public async Task Without_any_place_the_error_asks_for_one_and_nothing_falls_back_to_tmp(string what)
    {
        Needs.Unsharing("--mount");
        string prepare = what == "none" ? "true" : $"mkdir -p /run/user/{User}";

        FerryResult[] results =
        [
            await RunAsAsync(User, prepare, new FerryCommand("send", "file") { WorkingDirectory = directory.Path, Environment = { ["XDG_RUNTIME_DIR"] = null } }),
            await RunAsAsync(User, prepare, new FerryCommand("serve", "inbox") { WorkingDirectory = directory.Path, Environment = { ["XDG_RUNTIME_DIR"] = null } }),
        ];

        Assert.All(results, result =>
        {
            Assert.Equal(2, result.ExitCode);
            Assert.Equal($"ferry: no place for the socket is known: FERRY_SOCKET and XDG_RUNTIME_DIR are unset and /run/user/{User} is not yours; give the address with --at\n", result.Errors);
        });
    }

    [Fact]
    public async Task A_runtime_directory_that_is_missing_is_not_made()
    {
        Needs.Unsharing("--mount");

        FerryResult result = await RunAsAsync(User, "true", new FerryCommand("serve", "inbox") { WorkingDirectory = directory.Path, Environment = { ["XDG_RUNTIME_DIR"] = directory["missing"] } });

        Assert.Equal(2, result.ExitCode);
        Assert.Equal($"ferry: cannot make {directory["missing"]}/ferry for the socket: No such file or directory; give another place with --at\n", result.Errors);
    }

    public void Dispose() => directory.Dispose();

    private Task<FerryResult> SendAsync(string[] arguments, params (string Name, string Value)[] environment)
    {
        var command = new FerryCommand(["send", "file", .. arguments.Select(argument => (FerryPath)argument)]) { WorkingDirectory = directory.Path };
        foreach ((string name, string value) in environment)
        {
            command.Environment[name] = value;
        }
        return FerryProcess.RunAsync(command);
    }

    /// <summary>Serves and sends without an address, in a mount name space with a /run of its own. Gives the server's log.</summary>
    private async Task<string> ServeAndSendAsync(string user, string? runtime, string expected)
    {
        Needs.Unsharing("--mount");
        Tool.Run("chown", user, directory.Path);
        string script = $"""
            "$@" serve inbox 2> log & server=$!
            "$@" send file --wait 20s && stat -c %a {expected} > mode
            kill $server; wait $server
            """;
        FerryResult result = await RunAsAsync(user, $"mkdir -p /run/user/{User} && chown {User} /run/user/{User}", new FerryCommand(FerryCommand.UnderTest.Select(part => (FerryPath)part).ToArray())
        {
            Program = ["sh", "-c", script, "sh"],
            WorkingDirectory = directory.Path,
            Environment = { ["XDG_RUNTIME_DIR"] = runtime },
        });
        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("700\n", await File.ReadAllTextAsync(directory["mode"]));
        return await File.ReadAllTextAsync(directory["log"]);
    }

    private static Task<FerryResult> RunAsAsync(string user, string prepare, FerryCommand command)
    {
        Needs.Program("setpriv");
        return FerryProcess.RunAsync(new FerryCommand(command.Arguments)
        {
            Program = command.Program,
            WorkingDirectory = command.WorkingDirectory,
            Environment = command.Environment,
            Wrapper = ["unshare", "--mount", "sh", "-c", $"mount -t tmpfs tmpfs /run && {prepare} && exec setpriv --reuid {user} --regid {user} --clear-groups -- \"$@\"", "sh"],
        });
    }
}
