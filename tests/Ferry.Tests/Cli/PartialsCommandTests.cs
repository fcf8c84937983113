using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary><c>ferry partials</c>: what waits in a served directory, whether a server runs there or not.</summary>
[Trait("Category", "EndToEnd")]
public sealed class PartialsCommandTests : IDisposable
{
    private const int Megabyte = 1 << 20;

    private readonly TestDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private string Root => directory["root"];

    [Fact]
    public async Task It_lists_name_bytes_size_user_and_age()
    {
        PartialFiles.Plant(Root, 7, "a/b\u001b[2J", new byte[2 * Megabyte], 50 * Megabyte);
        PartialFiles.Plant(Root, 8, FerryPath.FromBytes([0xFF]), new byte[3 * Megabyte], 60 * Megabyte);
        File.SetLastWriteTimeUtc(Path.Combine(Root, ".ferry/partials/7/1"), DateTime.UtcNow.AddHours(-3));

        FerryResult table = await FerryProcess.RunAsync("partials", Root);
        FerryResult json = await FerryProcess.RunAsync("partials", Root, "--json");
        FerryResult one = await FerryProcess.RunAsync("partials", Root, FerryPath.FromBytes([0xFF]), "--json");

        Assert.Equal((0, 0, 0), (table.ExitCode, json.ExitCode, one.ExitCode));
        string[] lines = table.Output.Replace('\u00A0', ' ').Split('\n');
        Assert.Matches(@"^name +there +of +user +written +state", lines[0]);
        Assert.Matches(@"^a/b\\x1B\[2J +2.1 MB +52.4 MB +7 +3 h ago +waiting", lines[1]);
        JsonElement[] objects = [.. json.Output.TrimEnd().Split('\n').Select(line => JsonDocument.Parse(line).RootElement)];
        Assert.Equal((2 * Megabyte, 50 * Megabyte, 7, false),
            (objects[0].GetProperty("bytes").GetInt64(), objects[0].GetProperty("size").GetInt64(), objects[0].GetProperty("user").GetInt32(), objects[0].GetProperty("arriving").GetBoolean()));
        Assert.Equal("/w==", JsonDocument.Parse(one.Output).RootElement.GetProperty("name_base64").GetString());
        Assert.Equal(["name", "name_base64", "bytes", "size", "user", "last_write", "arriving"], JsonDocument.Parse(one.Output).RootElement.EnumerateObject().Select(field => field.Name));
    }

    [Fact]
    public async Task It_removes_what_waits_and_a_server_that_runs_takes_the_file_anew()
    {
        byte[] content = new byte[20 * Megabyte];
        PartialFiles.Plant(Root, 0, "one", content.AsSpan(0, 2 * Megabyte), content.Length);
        PartialFiles.Plant(Root, 0, "two", content.AsSpan(0, 3 * Megabyte), content.Length);
        await using ServedDirectory served = await ServedDirectory.StartAsync(Root, []);
        await File.WriteAllBytesAsync(served.Sources + "/one", content, Cancel);

        FerryResult removed = await FerryProcess.RunAsync("partials", Root, "one", "--remove", "--json");

        Assert.Equal(0, removed.ExitCode);
        Assert.Equal("one", JsonDocument.Parse(removed.Output).RootElement.GetProperty("name").GetString());
        Assert.Equal(["2", "2.record"], PartialFiles.In(served).Select(path => Path.GetFileName(path)));
        FerryResult sent = await served.SendAsync(served.Sources + "/one", "--json", "--no-descriptors");
        Assert.Contains("\"resumed_from\":null", sent.Output, StringComparison.Ordinal);
        Assert.Equal(0, (await FerryProcess.RunAsync("partials", Root, "--remove")).ExitCode);
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task A_file_that_arrives_now_is_shown_and_not_disturbed()
    {
        byte[] content = new byte[20 * Megabyte];
        await using ServedDirectory served = await ServedDirectory.StartAsync(Root, []);
        await File.WriteAllBytesAsync(served.Sources + "/one", content, Cancel);
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, served.Sources + "/one", 5 * Megabyte);

        FerryResult list = await FerryProcess.RunAsync("partials", Root, "--json");
        FerryResult removed = await FerryProcess.RunAsync("partials", Root, "--remove", "--json");

        Assert.True(JsonDocument.Parse(list.Output).RootElement.GetProperty("arriving").GetBoolean());
        Assert.Equal("", removed.Output);
        Assert.Equal(0, (await transfer.ContinueAsync()).ExitCode);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["one"], Cancel));
    }

    [Fact]
    public async Task A_directory_without_any_and_one_that_is_none_are_told_apart()
    {
        Directory.CreateDirectory(Root);

        FerryResult empty = await FerryProcess.RunAsync("partials", Root);
        FerryResult missing = await FerryProcess.RunAsync("partials", directory["missing"], "--json");

        Assert.Equal((0, ""), (empty.ExitCode, empty.Output));
        Assert.Contains("nothing waits to be gone on with", empty.Errors, StringComparison.Ordinal);
        Assert.Equal(8, missing.ExitCode);
        Assert.Contains("\"error\":", missing.Output, StringComparison.Ordinal);
        Assert.False(Directory.Exists(Path.Combine(Root, ".ferry")));
        await File.WriteAllTextAsync(directory["file"], "", Cancel);
        Assert.Equal(2, (await FerryProcess.RunAsync("partials", directory["file"])).ExitCode);
    }

    public void Dispose() => directory.Dispose();
}
