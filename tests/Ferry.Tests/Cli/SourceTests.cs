using System.Net.Sockets;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>What becomes of a PATH on the command line, by its kind and its spelling.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SourceTests : IAsyncLifetime
{
    private ServedDirectory served = null!;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        served = await ServedDirectory.StartAsync();
        await File.WriteAllTextAsync(Source("file"), "content", Cancel);
        Directory.CreateDirectory(Source("tree"));
        await File.WriteAllTextAsync(Source("tree/inside"), "content", Cancel);
    }

    public ValueTask DisposeAsync() => served.DisposeAsync();

    [Theory]
    [InlineData("file/", "file")]
    [InlineData("./tree/../file//", "file")]
    [InlineData("tree//", "tree/inside")]
    [InlineData("tree/.", "tree/inside")]
    [InlineData("link/", "link/inside")]
    [InlineData("link", "link/inside")]
    [InlineData("link-to-file", "link-to-file")]
    public async Task It_arrives_under_its_last_component_and_slashes_at_the_end_change_nothing(string path, string arrived)
    {
        File.CreateSymbolicLink(Source("link"), "tree");
        File.CreateSymbolicLink(Source("link-to-file"), "file");

        FerryResult result = await SendAsync(path);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("content", await File.ReadAllTextAsync(served[arrived], Cancel));
    }

    [Theory]
    [InlineData("file", "--as", "a/b/", "a/b")]
    [InlineData("link", "--as", "c", "c/inside")]
    [InlineData("link", "--as", "./", "inside")]
    [InlineData("file", "--into", "d//", "d/file")]
    [InlineData("file", "--into", ".", "file")]
    public async Task As_names_it_and_into_keeps_its_name(string path, string option, string name, string arrived)
    {
        File.CreateSymbolicLink(Source("link"), "tree");

        FerryResult result = await SendAsync(path, option, name);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("content", await File.ReadAllTextAsync(served[arrived], Cancel));
    }

    /// <summary>Never "inside" an existing directory of that name.</summary>
    [Fact]
    public async Task As_means_the_name_also_where_a_directory_has_it()
    {
        Directory.CreateDirectory(served["d"]);

        FerryResult file = await SendAsync("file", "--as", "d");
        FerryResult tree = await SendAsync("tree", "--as", "d");

        Assert.Equal([9, 0], new[] { file.ExitCode, tree.ExitCode });
        Assert.Equal(["inside"], Directory.GetFileSystemEntries(served["d"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task A_directory_merges_into_one_that_is_there()
    {
        Directory.CreateDirectory(served["tree"]);
        await File.WriteAllTextAsync(served["tree/older"], "older", Cancel);

        Assert.Equal(0, (await SendAsync("tree")).ExitCode);

        Assert.Equal(["inside", "older"], Directory.GetFileSystemEntries(served["tree"]).Select(Path.GetFileName).Order());
    }

    [Theory]
    [InlineData("--quite", "--", "--quite")]
    [InlineData("--quite", "./--quite")]
    [InlineData("-", "./-")]
    public async Task A_name_that_begins_with_a_hyphen_can_be_sent(string name, params string[] arguments)
    {
        await File.WriteAllTextAsync(Source(name), "hyphen", Cancel);

        FerryResult result = await SendAsync(arguments);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal([name], served.Visible);
    }

    [Theory]
    [InlineData("missing", "cannot read missing: No such file or directory")]
    [InlineData("dangling", "cannot read dangling: No such file or directory")]
    [InlineData("", "the path is empty")]
    public async Task What_cannot_be_read_is_said_and_the_others_go_on(string path, string message)
    {
        File.CreateSymbolicLink(Source("dangling"), "gone");

        FerryResult result = await SendAsync(path, "file");

        Assert.Equal(11, result.ExitCode);
        Assert.StartsWith($"ferry: unreadable: {message}\n", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("; unreadable 1\n", result.Errors, StringComparison.Ordinal);
        Assert.Equal(["file"], served.Visible);
    }

    [Fact]
    public async Task A_socket_is_taken_for_the_address_that_it_was_meant_to_be()
    {
        FerryResult result = await SendAsync(served.Socket, "file");

        Assert.Equal(2, result.ExitCode);
        Assert.Equal($"ferry: {served.Socket} is a socket; to send to it write --at {served.Socket}\n", result.Errors);
        Assert.Empty(served.Visible);
    }

    [Theory]
    [InlineData("/dev/fd/3", "3< file")]
    [InlineData("/proc/self/fd/3", "3< file")]
    [InlineData("/dev/stdin", "< file")]
    [InlineData("/dev/fd/0", "< file")]
    public async Task A_descriptor_is_read_to_its_end(string path, string redirection)
    {
        FerryResult result = await ShellAsync($"exec \"$@\" {redirection}", path, "--as", "stored");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("content", await File.ReadAllTextAsync(served["stored"], Cancel));
    }

    /// <summary>The number may be that of a descriptor that the command opened for itself.</summary>
    [Theory]
    [InlineData("/dev/fd/3", "3<&-", "no descriptor 3 was handed to the command; open one for it, for example with 3< FILE")]
    [InlineData("/dev/fd/4", "4<&-", "no descriptor 4 was handed to the command; open one for it, for example with 4< FILE")]
    [InlineData("-", "<&-", "no descriptor 0 was handed to the command; open one for it, for example with 0< FILE")]
    public async Task A_descriptor_that_nobody_handed_over_is_not_read(string path, string redirection, string message)
    {
        FerryResult result = await ShellAsync($"exec \"$@\" {redirection}", path, "--as", "stored");

        Assert.Equal(11, result.ExitCode);
        Assert.Equal($"ferry: cannot read {path}: {message}\n", result.Errors);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Over_plain_a_FIFO_and_a_descriptor_are_read_too()
    {
        Tool.Run("mkfifo", Source("fifo"));
        Task<FerryResult> fifo = FerryProcess.RunAsync(new FerryCommand("send", "fifo", "--as", "one", "--at", $"plain:{served.Socket}") { WorkingDirectory = served.Sources });
        await File.WriteAllTextAsync(Source("fifo"), "through a FIFO", Cancel);
        FerryResult descriptor = await ShellAsync("exec \"$@\" 3< file", "/dev/fd/3", "--as", "two", "--at", $"plain:{served.Socket}");

        FerryResult named = await fifo;
        Assert.Equal([0, 0], new[] { named.ExitCode, descriptor.ExitCode });
        Assert.Equal("through a FIFO", await File.ReadAllTextAsync(served["one"], Cancel));
        Assert.Equal("content", await File.ReadAllTextAsync(served["two"], Cancel));
    }

    [Fact]
    public async Task Special_files_inside_a_tree_are_counted_by_kind()
    {
        Tool.Run("mkfifo", Source("tree/fifo"));
        File.CreateSymbolicLink(Source("tree/link"), "inside");
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Bind(new UnixDomainSocketEndPoint(Source("tree/socket")));

        FerryResult result = await SendAsync("tree");

        Assert.Equal(13, result.ExitCode);
        string[] lines = result.Errors.Split('\n');
        Assert.Equal(
            ["not sent: 1 in all: a FIFO is not sent", "not sent: 1 in all: a socket is not sent", "not sent: 1 in all: a symbolic link is not sent"],
            lines.Where(line => line.Contains("in all", StringComparison.Ordinal)));
        Assert.Equal(["inside"], Directory.GetFileSystemEntries(served["tree"]).Select(Path.GetFileName));
    }

    private string Source(string name) => Path.Combine(served.Sources, name);

    private Task<FerryResult> SendAsync(params string[] arguments) => FerryProcess.RunAsync(
        new FerryCommand(["send", "--at", served.Socket, .. arguments.Select(argument => (FerryPath)argument)]) { WorkingDirectory = served.Sources });

    private Task<FerryResult> ShellAsync(string script, params string[] arguments)
    {
        string[] address = arguments.Contains("--at") ? [] : ["--at", served.Socket];
        return FerryProcess.RunAsync(new FerryCommand([.. FerryCommand.UnderTest.Append("send").Concat(arguments).Concat(address).Select(part => (FerryPath)part)])
        {
            Program = ["sh", "-c", script, "sh"],
            WorkingDirectory = served.Sources,
        });
    }
}
