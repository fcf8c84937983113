using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>What the command says to arguments that do not go together: what is wrong, with which name, and what to write instead.</summary>
[Trait("Category", "EndToEnd")]
public sealed class UsageTests : IDisposable
{
    private readonly TestDirectory directory = new();

    public UsageTests()
    {
        File.WriteAllText(directory["file"], "content");
        File.WriteAllText(directory["--quite"], "content");
        Directory.CreateDirectory(directory["x"]);
        Directory.CreateDirectory(directory["y"]);
        File.WriteAllText(directory["x/same"], "1");
        File.WriteAllText(directory["y/same"], "2");
    }

    [Theory]
    [InlineData("Required argument 'PATH' missing for command: 'send'.", "send")]
    [InlineData("Required argument 'DIR' missing for command: 'serve'.", "serve")]
    [InlineData("no command is given; the commands are serve, send, partials, demo")]
    [InlineData("there is no command 'fetch'; the commands are serve, send, partials, demo", "fetch")]
    [InlineData("there is no command '--frob'; the commands are serve, send, partials, demo", "--frob")]
    [InlineData("Option '--at' expects a single argument but 2 were provided.", "send", "file", "--at", "a", "--at", "b")]
    [InlineData("there is no option '--quite'; a path that begins with a hyphen is written ./--quite, or after --", "send", "file", "--quite")]
    [InlineData("there is no option '--quite'; a path that begins with a hyphen is written ./--quite, or after --", "send", "--quite", "--", "--quite")]
    [InlineData("there is no option '--quite'; a path that begins with a hyphen is written ./--quite, or after --", "serve", "--quite")]
    [InlineData("there is no option '--quite'; a path that begins with a hyphen is written ./--quite, or after --", "demo", "--quite")]
    [InlineData("--wait '10' is not a time such as 500ms, 30s, 5m or 24h, at most 24 days, or none", "send", "file", "--wait", "10")]
    [InlineData("--stall-timeout '0s' is not a time such as 30s or 5m, at least 100ms, or none", "send", "file", "--stall-timeout", "0s")]
    [InlineData("--stall-timeout '99ms' is not a time such as 30s or 5m, at least 100ms, or none", "serve", "d", "--stall-timeout", "99ms")]
    [InlineData("--durability 'eternal' is not one of received, durable", "send", "file", "--durability", "eternal")]
    [InlineData("--existing 'ask' is not one of replace, keep, refuse, number", "serve", "d", "--existing", "ask")]
    [InlineData("--max-connections 'none' is not a number from 1 on", "serve", "d", "--max-connections", "none")]
    [InlineData("--max-connections '0' is not a number from 1 on", "serve", "d", "--max-connections", "0")]
    [InlineData("--max-file-size '0' is not a size such as 100M, 2GB or none, and not 0", "serve", "d", "--max-file-size", "0")]
    [InlineData("--reserve-free '0' is not a size such as 100M, 2GB or none, and not 0", "serve", "d", "--reserve-free", "0")]
    [InlineData("--mode '0999' is not an octal mode such as 0660", "serve", "d", "--mode", "0999")]
    public async Task A_word_out_of_place_is_named_and_help_offered(string message, params string[] arguments)
    {
        FerryResult result = await RunAsync(arguments);

        Assert.Equal(2, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.StartsWith($"ferry: {message}\n", result.Errors, StringComparison.Ordinal);
        string verb = arguments.Length > 0 && arguments[0] is "send" or "serve" or "demo" ? arguments[0] + " " : "";
        Assert.EndsWith($"Try: ferry {verb}--help\n", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("--into and --as do not go together: --into D puts everything inside D, --as N names the one thing sent N", "file", "--into", "d", "--as", "c")]
    [InlineData("--as names the one PATH sent, and 2 are given; use --into to put several inside a directory", "file", "x", "--as", "c")]
    [InlineData("--into and --as need a name, not an empty one", "file", "--as", "")]
    [InlineData("--into and --as need a name, not an empty one", "file", "--into", "")]
    [InlineData("standard input has no name to arrive under; give one with --as REMOTE_NAME", "-")]
    [InlineData("standard input has no name to arrive under; give one with --as REMOTE_NAME", "-", "--into", "d")]
    [InlineData("/dev/null is read like standard input and has no name to arrive under; give one with --as REMOTE_NAME", "/dev/null")]
    [InlineData("/ has no name to arrive under; give one with --as REMOTE_NAME", "/")]
    [InlineData("--as . puts a directory's contents into the served directory, and file is no directory", "file", "--as", ".")]
    [InlineData("y/same and x/same would both arrive as same; send one of them with --as", "x/same", "y/same")]
    [InlineData("x and x would both arrive as x; send one of them with --as", "x", "x/")]
    [InlineData("plain:/nowhere takes one file; the native protocol, without plain:, takes any number", "file", "x/same", "--at", "plain:/nowhere")]
    [InlineData("x is a directory, and plain:/nowhere takes one file; the native protocol, without plain:, takes trees", "x", "--at", "plain:/nowhere")]
    [InlineData("plain:/nowhere takes a file name, no directory: --into goes with the native protocol only", "file", "--into", "d", "--at", "plain:/nowhere")]
    [InlineData("plain:/nowhere cannot be asked for a level: --durability goes with the native protocol only", "file", "--durability", "durable", "--at", "plain:/nowhere")]
    [InlineData("--as: a/b is a path; the plain protocol takes one name without a slash", "file", "--as", "a/b", "--at", "plain:/nowhere")]
    public async Task What_does_not_go_together_is_said_before_anything_is_sent(string message, params string[] arguments)
    {
        string[] address = arguments.Contains("--at") ? [] : ["--at", "/nowhere"];

        FerryResult result = await RunAsync(["send", .. arguments, .. address, "--json"]);

        Assert.Equal(2, result.ExitCode);
        Assert.Equal($"ferry: {message}\n", result.Errors);
        Assert.Equal($$"""{"error":"usage","reason":"{{message}}"}""" + "\n", result.Output);
    }

    [Theory]
    [InlineData("cannot serve no/such/dir: the directory it would be made in does not exist; make that one first", "no/such/dir")]
    [InlineData("cannot open the directory file: Not a directory; serve a directory that you may write into", "file")]
    [InlineData("cannot serve at missing/socket: its directory missing/ cannot be opened: No such file or directory; choose an address in a directory that exists", "d", "--at", "missing/socket")]
    [InlineData("cannot serve at file: a file is there; move it away or choose another address", "d", "--at", "file")]
    [InlineData("plain:s: a server serves both protocols at one address; give the path alone", "d", "--at", "plain:s")]
    public async Task A_server_that_cannot_start_says_why(string message, params string[] arguments)
    {
        string[] address = arguments.Contains("--at") ? [] : ["--at", "socket"];

        FerryResult result = await RunAsync(["serve", .. arguments, .. address]);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains($"ferry: {message}\n", result.Errors, StringComparison.Ordinal);
    }

    public void Dispose() => directory.Dispose();

    private Task<FerryResult> RunAsync(string[] arguments) => FerryProcess.RunAsync(
        new FerryCommand([.. arguments.Select(argument => (FerryPath)argument)]) { WorkingDirectory = directory.Path });
}
