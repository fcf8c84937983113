using System.Text;
using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>Whole trees through the real command: what arrives is what was sent.</summary>
[Trait("Category", "EndToEnd")]
public sealed class SendTreeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Ten_thousand_small_files_arrive_and_their_hashes_are_what_xxhsum_computes()
    {
        Needs.Program("xxhsum");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Path.Combine(served.Sources, "tree");
        for (int folder = 0; folder < 100; folder++)
        {
            string path = Directory.CreateDirectory(Path.Combine(tree, $"{folder}")).FullName;
            for (int file = 0; file < 100; file++)
            {
                await File.WriteAllTextAsync(Path.Combine(path, $"{file}"), $"{folder} {file}", Cancel);
            }
        }

        FerryResult result = await served.SendAsync(tree, "--json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
        Dictionary<string, string> hashes = HashesIn(result);
        Assert.Equal(10_000, hashes.Count);
        string[] sums = Tool.Run("sh", "-c", $"cd '{served.Sources}' && find tree -type f -print0 | xargs -0 xxhsum -H2").Split('\n', StringSplitOptions.RemoveEmptyEntries);
        Assert.All(sums, line => Assert.Equal("xxh128:" + line[..32], hashes[line[34..]]));
    }

    [Fact]
    public async Task Names_of_every_kind_arrive()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Path.Combine(served.Sources, "tree");
        // Not UTF-8, a newline, an escape sequence, 255 bytes, names that differ in case, a name that looks like an option, empty ones.
        Tool.Run("sh", "-c", $$"""
            mkdir '{{tree}}' && cd '{{tree}}' && mkdir empty nested case Case
            printf a > "$(printf 'not\377utf8')"
            printf b > "$(printf 'new\nline')"
            printf c > "$(printf '\033[2Jcleared')"
            printf d > "$(printf '%0255d' 7)"
            printf e > name; printf f > Name; printf g > NAME
            printf h > ./--as; printf i > ' spaces '; printf j > 'a:b'; printf k > '-'
            : > nothing
            """);

        FerryResult result = await served.SendAsync(tree, "--json");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
        Assert.DoesNotContain('\u001b', result.Output);
        Assert.Contains(result.Output.Split('\n'), line => line.Contains("\"name\":\"tree/not\\\\xFFutf8\"", StringComparison.Ordinal) && line.Contains("name_base64", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Two_hundred_levels_arrive()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Tool.Run("sh", "-c", $"cd '{served.Sources}'; for i in $(seq 200); do mkdir level && cd level && printf $i > file; done");

        FerryResult result = await served.SendAsync(Path.Combine(served.Sources, "level"));

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", Tool.Run("diff", "-r", Path.Combine(served.Sources, "level"), served["level"]));
    }

    [Fact]
    public async Task Modes_and_times_arrive_also_of_directories_that_are_read_only()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Path.Combine(served.Sources, "tree");
        Tool.Run("sh", "-c", $"""
            mkdir -p '{tree}/closed' && cd '{tree}' && touch a b closed/c
            chmod 0604 a; chmod 4755 b; chmod 0400 closed/c; chmod 0555 closed; chmod 1777 .
            touch -d '2001-02-03 04:05:06.789' a b closed/c closed .
            """);

        FerryResult result = await served.SendAsync(tree);

        Assert.Equal(0, result.ExitCode);
        Assert.Equal(Listing(tree).Replace("4755", "755", StringComparison.Ordinal), Listing(served["tree"]));
        static string Listing(string path) => Tool.Run("sh", "-c", $"cd '{path}' && find . -printf '%P %m %T@\\n' | sort");
    }

    [Fact]
    public async Task Into_as_and_dot_put_things_where_they_say()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Directory.CreateDirectory(Path.Combine(served.Sources, "tree", "sub"));
        await File.WriteAllTextAsync(Path.Combine(served.Sources, "tree", "sub", "file"), "content", Cancel);
        string tree = Path.Combine(served.Sources, "tree");

        Assert.Equal(0, (await served.SendAsync(tree, "--into", "a/b")).ExitCode);
        Assert.Equal(0, (await served.SendAsync(tree + "/", "--as", "c/d")).ExitCode);
        Assert.Equal(0, (await served.SendAsync(tree, "--as", ".")).ExitCode);
        Assert.Equal(0, (await FerryProcess.RunAsync(new FerryCommand("send", ".", "--at", served.Socket, "--into", "e") { WorkingDirectory = tree })).ExitCode);
        Assert.Equal(0, (await FerryProcess.RunAsync(new FerryCommand("send", "..", "--at", served.Socket, "--into", "f") { WorkingDirectory = Path.Combine(tree, "sub") })).ExitCode);

        string[] files = [.. Directory.EnumerateFiles(served.Root, "file", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(served.Root, path)).Order(StringComparer.Ordinal)];
        Assert.Equal(["a/b/tree/sub/file", "c/d/sub/file", "e/tree/sub/file", "f/tree/sub/file", "sub/file"], files);
    }

    [Fact]
    public async Task A_file_over_a_directory_and_the_reverse_are_refused()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = Path.Combine(served.Sources, "file");
        string directory = Directory.CreateDirectory(Path.Combine(served.Sources, "directory")).FullName;
        await File.WriteAllTextAsync(file, "content", Cancel);
        await served.SendAsync(file, directory);

        FerryResult fileOver = await served.SendAsync(file, "--as", "directory", "--json");
        FerryResult directoryOver = await served.SendAsync(directory, "--as", "file", "--json");

        Assert.Equal([9, 9], new[] { fileOver.ExitCode, directoryOver.ExitCode });
        Assert.Equal("is-directory", CodeIn(fileOver));
        Assert.Equal("not-directory", CodeIn(directoryOver));
    }

    [Fact]
    public async Task A_pipe_and_a_named_pipe_arrive_as_files()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = new byte[1_000_000];
        Random.Shared.NextBytes(content);
        string pipe = Path.Combine(served.Sources, "pipe");
        Tool.Run("mkfifo", pipe);

        FerryResult piped = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", "piped", "--at", served.Socket) { Input = new MemoryStream(content) });
        Task writing = Task.Run(() => File.WriteAllBytes(pipe, content), Cancel);
        FerryResult named = await served.SendAsync(pipe, "--as", "named");
        await writing;
        FerryResult nameless = await served.SendAsync(pipe);

        Assert.Equal([0, 0, 2], new[] { piped.ExitCode, named.ExitCode, nameless.ExitCode });
        Assert.Equal(content, await File.ReadAllBytesAsync(served["piped"], Cancel));
        Assert.Equal(content, await File.ReadAllBytesAsync(served["named"], Cancel));
    }

    [Fact]
    public async Task Numbered_siblings_keep_what_was_there_and_the_receipt_says_the_name()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        string file = Path.Combine(served.Sources, "a.txt");
        await File.WriteAllTextAsync(file, "content", Cancel);

        await served.SendAsync(file);
        FerryResult second = await served.SendAsync(file, "--json");

        Assert.Equal("a.1.txt", JsonDocument.Parse(second.Output).RootElement.GetProperty("name").GetString());
        Assert.Equal(["a.1.txt", "a.txt"], served.Visible);
    }

    [Fact]
    public async Task A_name_given_on_the_command_line_need_not_be_UTF_8()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        var name = FerryPath.FromBytes([(byte)'n', 0xFF, 0xFE]);
        Tool.Run("sh", "-c", $"printf x > '{served.Sources}'/$(printf 'n\\377\\376')");

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("send", name, "--into", FerryPath.FromBytes([0xC0, (byte)'d']), "--at", served.Socket) { WorkingDirectory = served.Sources });

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("x", Tool.Run("sh", "-c", $"cat '{served.Root}'/$(printf '\\300d/n\\377\\376')"));
    }

    [Fact]
    public async Task A_server_that_appears_later_is_waited_for()
    {
        using var directory = new TestDirectory();
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);
        Task<FerryResult> sending = FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"], "--wait", "20s");

        await using FerryServerProcess server = await FerryServerProcess.StartAsync("serve", directory["root"], "--at", directory["socket"]);

        Assert.Equal(0, (await sending).ExitCode);
    }

    private static string? CodeIn(FerryResult result) =>
        JsonDocument.Parse(result.Output.Split('\n')[0]).RootElement.GetProperty("code").GetString();

    private static Dictionary<string, string> HashesIn(FerryResult result)
    {
        var hashes = new Dictionary<string, string>();
        foreach (string line in result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries))
        {
            JsonElement receipt = JsonDocument.Parse(Encoding.UTF8.GetBytes(line)).RootElement;
            if (receipt.GetProperty("kind").GetString() == "file")
            {
                hashes[receipt.GetProperty("name").GetString()!] = receipt.GetProperty("hash").GetString()!;
            }
        }
        return hashes;
    }
}
