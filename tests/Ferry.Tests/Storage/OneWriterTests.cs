using System.Security.Cryptography;
using System.Text.Json;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>A part of a file has one writer: who is gone makes room for who comes back, and who lives is left alone.</summary>
[Trait("Category", "EndToEnd")]
public sealed class OneWriterTests
{
    private const int Megabyte = 1 << 20;

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(30 * Megabyte);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The server is slow, so that it has not noticed yet that the first one is dead.</summary>
    [Theory]
    [InlineData("--no-descriptors")]
    [InlineData("--quiet")]
    public async Task A_client_that_is_killed_and_started_again_at_once_goes_on(string option)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = await MakeSourceAsync(served);
        await using AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_enter=30000");
        for (int megabytes = 5; megabytes <= 15; megabytes += 5)
        {
            int pid = 0;
            Task<FerryResult> killed = FerryProcess.RunAsync(new FerryCommand("send", source, "--at", served.Socket, option) { Started = started => pid = started });
            await PartialFiles.WaitForLengthAsync(served, megabytes * Megabyte);
            Signal.Send(pid, Signal.Kill);
            await killed;
        }

        FerryResult result = await served.SendAsync(source, "--json", option);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.InRange(ResumedFrom(result), 12 * Megabyte, 30 * Megabyte);
        Assert.DoesNotContain("cannot be resumed", served.Server.Log, StringComparison.Ordinal);
        Assert.Equal(Content, await File.ReadAllBytesAsync(served["source"], Cancel));
        await served.WaitForEmptyStagingAsync();
        Assert.Empty(PartialFiles.In(served));
    }

    /// <summary>The server hears of its end only when a write to a slow disk is over; whoever comes meanwhile finds out, and waits for the part.</summary>
    [Fact]
    public async Task One_whose_end_the_server_has_not_heard_yet_is_given_up()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = await MakeSourceAsync(served);
        await using HeldTransfer first = await HeldTransfer.StartAsync(served, source, 10 * Megabyte);
        Task<FerryResult> second;
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_enter=3000000"))
        {
            _ = first.ContinueAsync();
            while (first.Passed < 10 * Megabyte + 100_000)
            {
                await Task.Delay(10, Cancel);
            }
            await first.BreakAsync();
            second = served.SendAsync(source, "--json", "--no-descriptors");
            await served.Server.WaitForLogAsync("Kept ");
        }

        Assert.InRange(ResumedFrom(await second), 9 * Megabyte, 30 * Megabyte);
        Assert.DoesNotContain("cannot be resumed", served.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_is_silent_for_half_the_stall_time_is_given_up_with_a_word()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--stall-timeout", "6s");
        string source = await MakeSourceAsync(served);
        await using var stream = served.Connect();
        using var silent = new ScriptedPeer(stream);
        await silent.GreetFirstAsync(ScriptedPeer.Truthful with { Capabilities = [Greeting.Resume] });
        await silent.SendAsync(1, new Offer(EntryKind.File, "source", Content.Length, new EntryMetadata(0x1A4, null), null) { Resume = true });
        await silent.ReadAsync(FrameType.Go);
        for (int at = 0; at < 3; at++)
        {
            await silent.ContentAsync(1, Content[(at * Megabyte)..((at + 1) * Megabyte)]);
        }
        await PartialFiles.WaitForLengthAsync(served, 3 * Megabyte);

        // What is tested is this time.
        await Task.Delay(TimeSpan.FromSeconds(3.5), Cancel);
        FerryResult result = await served.SendAsync(source, "--json", "--no-descriptors");

        Assert.Equal(3 * Megabyte, ResumedFrom(result));
        Assert.Contains("another one of the same user goes on with source", (await silent.ReadFailureAsync()).Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task One_that_lives_goes_on_and_who_comes_later_is_stored_without_a_part()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = await MakeSourceAsync(served);
        await using HeldTransfer first = await HeldTransfer.StartAsync(served, source, 10 * Megabyte);

        FerryResult second = await served.SendAsync(source, "--json", "--no-descriptors");
        FerryResult third = await served.SendAsync(source, "--json");

        Assert.Equal((0L, 0L), (ResumedFrom(second), ResumedFrom(third)));
        await served.Server.WaitForLogAsync("source arrives from ");
        Assert.Equal(Content, await File.ReadAllBytesAsync(served["source"], Cancel));
        Assert.Single(PartialFiles.DataIn(served));
        Assert.Equal(0L, ResumedFrom(await first.ContinueAsync()));
        Assert.Empty(PartialFiles.In(served));
    }

    [Fact]
    public async Task Another_user_gets_nothing_of_a_strangers_part()
    {
        Needs.Root();
        Needs.Program("setpriv");
        await using ServedDirectory served = await ServedDirectory.StartAsync("--allow-user", "12345");
        string source = await MakeSourceAsync(served);
        await CutAsync(served, source);

        FerryResult stranger = await FerryProcess.RunAsync(new FerryCommand("send", source, "--at", served.Socket, "--json", "--no-descriptors")
        {
            Wrapper = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"],
        });
        FerryResult owner = await served.SendAsync(source, "--json", "--no-descriptors");

        Assert.Equal(0L, ResumedFrom(stranger));
        Assert.InRange(ResumedFrom(owner), Megabyte, Content.Length);
    }

    private static async Task<string> MakeSourceAsync(ServedDirectory served)
    {
        string source = Path.Combine(served.Sources, "source");
        await File.WriteAllBytesAsync(source, Content, Cancel);
        return source;
    }

    private static async Task CutAsync(ServedDirectory served, string source)
    {
        await using HeldTransfer transfer = await HeldTransfer.StartAsync(served, source, 10 * Megabyte);
        await transfer.KillAsync();
        await served.Server.WaitForLogAsync("Kept ");
    }

    private static long ResumedFrom(FerryResult result)
    {
        Assert.True(result.ExitCode == 0, result.ToString());
        JsonElement offset = JsonDocument.Parse(result.Output).RootElement.GetProperty("resumed_from");
        return offset.ValueKind == JsonValueKind.Null ? 0 : offset.GetInt64();
    }
}
