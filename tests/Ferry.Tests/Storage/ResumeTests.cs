using System.Security.Cryptography;
using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>A large file whose transfer was cut goes on where it was, by the same command, whoever died; and what cannot be trusted is sent again.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ResumeTests
{
    private const int Megabyte = 1 << 20;
    private const int Size = 40 * Megabyte;
    private const int CutAt = 20 * Megabyte;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("client", true)]
    [InlineData("server", true)]
    [InlineData("both", true)]
    [InlineData("stopped server", true)]
    [InlineData("client", false)]
    [InlineData("server", false)]
    public async Task The_same_command_sends_only_what_is_missing(string killed, bool streamed)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--grace", "100ms");
        byte[] content = MakeSource(served, Size);

        await CutAsync(served, killed, streamed);
        Assert.Empty(served.Visible);
        FerryResult result = await SendAsync(served, streamed);

        long resumed = ResumedFrom(result);
        Assert.InRange(resumed, Megabyte, Size - 1);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["large"], Cancel));
        await served.WaitForEmptyStagingAsync();
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task Fewer_bytes_cross_than_the_file_has()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = MakeSource(served, Size);
        await CutAsync(served, "client", streamed: true);
        await using var relay = HoldingRelay.Start(served.Socket);

        FerryResult result = await FerryProcess.RunAsync("send", Source(served), "--at", relay.Path, "--json");

        Assert.InRange(relay.FromClient, Size - ResumedFrom(result), Size - Megabyte);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["large"], Cancel));
    }

    [Theory]
    [InlineData("its first byte", false)]
    [InlineData("shorter than the part", false)]
    [InlineData("grown", true)]
    [InlineData("its last byte", true)]
    public async Task A_source_that_begins_otherwise_is_sent_anew_and_one_that_grew_goes_on(string change, bool resumed)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = MakeSource(served, Size);
        await CutAsync(served, "client", streamed: true);
        switch (change)
        {
            case "its first byte": content[0] ^= 1; break;
            case "its last byte": content[^1] ^= 1; break;
            case "grown": content = [.. content, .. RandomNumberGenerator.GetBytes(Megabyte)]; break;
            default: content = content[..(5 * Megabyte)]; break;
        }
        await File.WriteAllBytesAsync(Source(served), content, Cancel);

        FerryResult result = await SendAsync(served, streamed: true);

        Assert.Equal(resumed, ResumedFrom(result) > 0);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["large"], Cancel));
        Assert.Empty(PartialFiles.In(served));
    }

    /// <summary>What was done to the part meanwhile, by a failing disk or a person, never reaches the file.</summary>
    [Theory]
    [InlineData("record", "flip", true, false)]
    [InlineData("record", "empty", true, false)]
    [InlineData("record", "remove", true, false)]
    [InlineData("record", "flip", false, false)]
    [InlineData("data", "flip", true, false)]
    [InlineData("data", "flip", false, false)]
    [InlineData("data", "shorten", true, true)]
    [InlineData("data", "shorten", false, true)]
    [InlineData("data", "lengthen", true, false)]
    [InlineData("data", "remove", true, false)]
    [InlineData("data", "remove", false, false)]
    [InlineData("data", "link", false, false)]
    public async Task A_part_that_was_changed_is_not_trusted(string what, string change, bool restarts, bool resumed)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = MakeSource(served, Size);
        await CutAsync(served, "client", streamed: true);
        if (restarts)
        {
            await served.Server.StopAsync();
        }
        Damage(PartialFiles.In(served).Single(path => path.EndsWith(".record", StringComparison.Ordinal) == (what == "record")), change, served.Sources + "/link");
        if (restarts)
        {
            await served.StartAgainAsync([]);
        }

        FerryResult result = await SendAsync(served, streamed: true);

        Assert.Equal(resumed, ResumedFrom(result) > 0);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["large"], Cancel));
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task A_resumed_source_that_changes_while_it_is_read_is_not_stored_and_leaves_no_part()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        MakeSource(served, Size);
        await CutAsync(served, "client", streamed: true);
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, Source(served), 10 * Megabyte);
        await File.AppendAllTextAsync(Source(served), "more", Cancel);

        FerryResult result = await transfer.ContinueAsync();

        Assert.Equal(12, result.ExitCode);
        Assert.Empty(served.Visible);
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task The_mode_and_time_are_those_of_the_source()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        MakeSource(served, Size);
        File.SetUnixFileMode(Source(served), UnixFileMode.UserRead | UnixFileMode.OtherExecute);
        File.SetLastWriteTimeUtc(Source(served), DateTime.UnixEpoch.AddDays(1));
        await CutAsync(served, "both", streamed: true);

        await SendAsync(served, streamed: true);

        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.OtherExecute, File.GetUnixFileMode(served["large"]));
        Assert.Equal(DateTime.UnixEpoch.AddDays(1), File.GetLastWriteTimeUtc(served["large"]));
    }

    /// <summary>What was whole is sent again, because nothing of the directory is there; the part of the large file is not.</summary>
    [Fact]
    public async Task A_large_file_in_an_atomic_directory_goes_on_too()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        byte[] content = RandomNumberGenerator.GetBytes(Size);
        await File.WriteAllBytesAsync(Path.Combine(tree, "large"), content, Cancel);
        await File.WriteAllTextAsync(Path.Combine(tree, "small"), "small", Cancel);
        await using (HeldTransfer transfer = await HeldTransfer.StartAsync(served, tree, CutAt, ["--atomic"]))
        {
            await transfer.KillAsync();
            await served.Server.WaitForLogAsync("Kept ");
        }
        Assert.Empty(served.Visible);

        FerryResult result = await served.SendAsync(tree, "--atomic", "--json", "--no-descriptors");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Matches("\"name\":\"tree/large\".*\"resumed_from\":[1-9]", result.Output);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["tree/large"], Cancel));
        Assert.Empty(PartialFiles.In(served));
    }

    private static string Source(ServedDirectory served) => Path.Combine(served.Sources, "large");

    private static byte[] MakeSource(ServedDirectory served, int size)
    {
        byte[] content = RandomNumberGenerator.GetBytes(size);
        File.WriteAllBytes(Source(served), content);
        return content;
    }

    private static Task<FerryResult> SendAsync(ServedDirectory served, bool streamed) =>
        served.SendAsync(Source(served), "--json", streamed ? "--no-descriptors" : "--quiet");

    private static long ResumedFrom(FerryResult result)
    {
        Assert.True(result.ExitCode == 0, result.ToString());
        JsonElement offset = JsonDocument.Parse(result.Output).RootElement.GetProperty("resumed_from");
        return offset.ValueKind == JsonValueKind.Null ? 0 : offset.GetInt64();
    }

    /// <summary>Cuts a transfer of the source in its middle, and has a server there again.</summary>
    private static async Task CutAsync(ServedDirectory served, string killed, bool streamed)
    {
        FerryResult result = streamed ? await CutStreamAsync(served, killed) : await CutCopyAsync(served, killed);

        Assert.Equal(killed is "client" or "both" ? 128 + Signal.Kill : 5, result.ExitCode);
        if (killed == "client")
        {
            await served.Server.WaitForLogAsync("Kept ");
        }
        else
        {
            await served.StartAgainAsync([]);
        }
        Assert.Equal(2, PartialFiles.In(served).Length);
    }

    private static async Task<FerryResult> CutStreamAsync(ServedDirectory served, string killed)
    {
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, Source(served), CutAt);
        if (killed == "both")
        {
            // It must not hear of the client's end before its own.
            Signal.Send(served.Server.Pid, Signal.Stop);
            FerryResult client = await transfer.KillAsync();
            await served.Server.StopAsync(Signal.Kill);
            return client;
        }
        if (killed == "server")
        {
            await served.Server.StopAsync(Signal.Kill);
        }
        if (killed == "stopped server")
        {
            Assert.Equal(0, (await served.Server.StopAsync()).ExitCode);
        }
        return killed == "client" ? await transfer.KillAsync() : await transfer.WaitAsync();
    }

    /// <summary>The server takes longer and longer for its writing.</summary>
    private static async Task<FerryResult> CutCopyAsync(ServedDirectory served, string killed)
    {
        await using AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_enter=100000:when=10+");
        int pid = 0;
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", Source(served), "--at", served.Socket, "--json") { Started = started => pid = started });
        await PartialFiles.WaitForLengthAsync(served, 12 * Megabyte);
        Signal.Send(killed == "client" ? pid : served.Server.Pid, Signal.Kill);
        return await sending;
    }

    private static void Damage(string path, string change, string link)
    {
        using (FileStream file = File.Open(path, FileMode.Open))
        {
            switch (change)
            {
                case "flip":
                    file.Position = file.Length / 2;
                    int old = file.ReadByte();
                    file.Position--;
                    file.WriteByte((byte)(old ^ 4));
                    break;
                case "shorten": file.SetLength(file.Length / 2); break;
                case "lengthen": file.SetLength(file.Length + 1000); break;
                case "empty": file.SetLength(0); break;
                default: break;
            }
        }
        if (change == "remove")
        {
            File.Delete(path);
        }
        if (change == "link")
        {
            Tool.Run("ln", path, link);
        }
    }
}
