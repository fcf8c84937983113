using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>What goes to standard output, what to standard error, and in which form.</summary>
[Trait("Category", "EndToEnd")]
public sealed class OutputTests
{
    private static readonly string[] Fields = ["name", "kind", "result", "size", "hash", "checked", "level", "how", "replayed", "resumed_from", "code", "reason"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Both_sides_write_one_object_a_line_with_the_same_fields()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--json", "--max-file-size", "1K");
        await File.WriteAllTextAsync(Path.Combine(served.Sources, "größe 漢"), "content", Cancel);
        await File.WriteAllBytesAsync(Path.Combine(served.Sources, "large"), new byte[2000], Cancel);

        FerryResult sent = await served.SendAsync(served.Sources, "--json");
        FerryResult received = await served.Server.StopAsync();

        Assert.Equal(9, sent.ExitCode);
        foreach (FerryResult result in new[] { sent, received })
        {
            Dictionary<string, JsonElement> receipts = ObjectsIn(result).ToDictionary(receipt => receipt.GetProperty("name").GetString()!);
            Assert.All(receipts.Values, receipt => Assert.Equal(Fields, receipt.EnumerateObject().Select(field => field.Name)));
            Assert.Equal(["sources", "sources/größe 漢", "sources/large"], receipts.Keys.Order(StringComparer.Ordinal));
            Assert.Contains("\"name\":\"sources/größe 漢\"", result.Output, StringComparison.Ordinal);
            Assert.Equal(("stored", 7, "both"), Of(receipts["sources/größe 漢"], "result", "size", "checked"));
            Assert.Equal(("refused", 0, "none"), Of(receipts["sources/large"], "result", "size", "checked"));
            Assert.Equal("too-large", receipts["sources/large"].GetProperty("code").GetString());
            Assert.Equal("directory", receipts["sources"].GetProperty("kind").GetString());
        }
    }

    [Fact]
    public async Task A_name_that_is_not_UTF_8_is_escaped_and_has_its_bytes_beside_it()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        FerryPath name = FerryPath.FromBytes([(byte)'a', 0xFF]);

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", name, "--at", served.Socket, "--json"));

        JsonElement receipt = Assert.Single(ObjectsIn(result));
        Assert.Equal(@"a\xFF", receipt.GetProperty("name").GetString());
        Assert.Equal(name.Bytes, receipt.GetProperty("name_base64").GetBytesFromBase64());
    }

    [Fact]
    public async Task Without_json_standard_output_stays_empty_on_both_sides()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file");

        FerryResult sent = await served.SendAsync(file, file + "-missing", "--verbose");
        FerryResult received = await served.Server.StopAsync();

        Assert.Equal(["", ""], [sent.Output, received.Output]);
    }

    [Fact]
    public async Task By_default_there_is_one_line_for_each_entry_not_stored_and_one_summary()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file");

        FerryResult result = await served.SendAsync(file, file + "-missing");

        string[] lines = result.Errors.TrimEnd('\n').Split('\n');
        Assert.Equal(2, lines.Length);
        Assert.Equal($"ferry: unreadable: cannot read {file}-missing: No such file or directory", lines[0]);
        Assert.Matches(@"^stored 1 file, 7 B in \d+\.\d\d s \([\d.]+ K?B/s\), (durable|received); unreadable 1$", lines[1]);
    }

    [Fact]
    public async Task Verbose_adds_a_line_for_each_file_and_quiet_keeps_errors_only()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file");

        FerryResult verbose = await served.SendAsync(file, "--verbose");
        FerryResult quiet = await served.SendAsync(file, "--quiet");
        FerryResult error = await served.SendAsync(file + "-missing", "--quiet");

        Assert.Matches(@"^stored file: 7 bytes, xxh128:[0-9a-f]{32}, (durable|received)\nstored 1 file, ", verbose.Errors);
        Assert.Equal("", quiet.Errors);
        Assert.Equal($"ferry: unreadable: cannot read {file}-missing: No such file or directory\n", error.Errors);
    }

    /// <summary>More files than the default level has lines for in a second.</summary>
    [Fact]
    public async Task A_verbose_server_has_a_line_for_every_file_and_a_quiet_one_has_none()
    {
        await using ServedDirectory verbose = await ServedDirectory.StartAsync("--verbose");
        for (int i = 0; i < 200; i++)
        {
            await WriteAsync(verbose, $"file{i}");
        }
        await verbose.SendAsync(verbose.Sources);
        FerryResult all = await verbose.Server.StopAsync();
        using var directory = new TestDirectory();
        FerryResult none = await FerryProcess.RunAsync(new FerryCommand(FerryCommand.UnderTest.Select(part => (FerryPath)part).ToArray())
        {
            Program =
            [
                "sh", "-c", "\"$@\" serve root --at socket --quiet --once & \"$@\" send - --as name --at socket --wait 20s --quiet < /dev/null; wait $!", "sh",
            ],
            WorkingDirectory = directory.Path,
        });

        Assert.Equal(200, all.Errors.Split('\n').Count(line => line.StartsWith("Stored sources/", StringComparison.Ordinal)));
        Assert.Equal((0, ""), (none.ExitCode, none.Errors));
    }

    [Fact]
    public async Task A_delivery_cut_by_a_signal_is_summed_up_too()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        var pid = new TaskCompletionSource<int>();
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", "/dev/zero", "--as", "zero", "--at", served.Socket) { Started = pid.SetResult });
        await served.Server.WaitForLogAsync("Connection established!");

        Signal.Send(await pid.Task, Signal.Interrupt);
        FerryResult result = await sending;

        Assert.Contains("ferry: ended by a signal; what has no receipt may or may not be stored\nstored 0 files, ", result.Errors, StringComparison.Ordinal);
        Assert.EndsWith("; unknown 1\n", result.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2> /dev/full", 0, true)]
    [InlineData("2>&-", 0, true)]
    [InlineData("> /dev/full", 1, true)]
    [InlineData(">&-", 1, true)]
    public async Task Streams_that_take_nothing_are_no_internal_error(string redirection, int exitCode, bool stored)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = await WriteAsync(served, "file");

        FerryResult result = await ShellAsync($"exec \"$@\" {redirection}", "send", file, "--at", served.Socket, "--json");

        Assert.Equal(exitCode, result.ExitCode);
        Assert.DoesNotContain("internal error", result.Errors, StringComparison.Ordinal);
        Assert.Equal(exitCode != 0, result.Errors.Contains("cannot write to standard output: ", StringComparison.Ordinal));
        Assert.Equal(stored, File.Exists(served["file"]));
    }

    /// <summary>The sender's receipt is about its file, not about who else wants to read of it.</summary>
    [Fact]
    public async Task A_server_whose_standard_output_is_full_serves_on_and_ends_with_one()
    {
        using var directory = new TestDirectory();
        FerryResult result = await FerryProcess.RunAsync(new FerryCommand(FerryCommand.UnderTest.Select(part => (FerryPath)part).ToArray())
        {
            Program =
            [
                "sh", "-c",
                """
                "$@" serve root --at socket --json > /dev/full 2> log & server=$!
                "$@" send - --as one --at socket --wait 20s < /dev/null && "$@" send - --as two --at socket < /dev/null
                echo "sent $?"
                kill $server; wait $server; echo "served $?"
                """,
                "sh",
            ],
            WorkingDirectory = directory.Path,
        });

        Assert.Equal("sent 0\nserved 1\n", result.Output);
        Assert.Single((await File.ReadAllLinesAsync(directory["log"], Cancel)), line => line.StartsWith("ferry: cannot write to standard output: No space left on device", StringComparison.Ordinal));
    }

    /// <summary>Otherwise the first file or socket opened would be number 2, and get what was meant for people.</summary>
    [Fact]
    public async Task A_server_started_without_standard_streams_writes_its_log_nowhere()
    {
        using var directory = new TestDirectory();

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand(FerryCommand.UnderTest.Select(part => (FerryPath)part).ToArray())
        {
            Program = ["sh", "-c", "\"$@\" serve root --at socket --once <&- >&- 2>&- & \"$@\" send - --as name --at socket --wait 20s < /dev/null; wait $!", "sh"],
            WorkingDirectory = directory.Path,
        });

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", await File.ReadAllTextAsync(directory["root/name"], Cancel));
    }

    private static (string?, int, string?) Of(JsonElement receipt, string first, string second, string third) =>
        (receipt.GetProperty(first).GetString(), receipt.GetProperty(second).GetInt32(), receipt.GetProperty(third).GetString());

    private static List<JsonElement> ObjectsIn(FerryResult result) =>
        [.. result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];

    private static Task<FerryResult> ShellAsync(string script, params string[] arguments) => FerryProcess.RunAsync(
        new FerryCommand([.. FerryCommand.UnderTest.Concat(arguments).Select(part => (FerryPath)part)]) { Program = ["sh", "-c", script, "sh"] });

    private static async Task<string> WriteAsync(ServedDirectory served, string name)
    {
        string path = Path.Combine(served.Sources, name);
        await File.WriteAllTextAsync(path, "content", Cancel);
        return path;
    }
}
