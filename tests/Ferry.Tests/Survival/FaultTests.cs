using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival;

/// <summary>
/// An error at each system call that changes a file or sends to the peer, one run for each call of a delivery and each error. In <c>./test</c> a few.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class FaultTests
{
    /// <summary>The error, what a receipt may call it, and the exit code that goes with it.</summary>
    private static readonly Dictionary<string, (int Number, string Code, int ExitCode)> Errors = new()
    {
        ["ENOSPC"] = (28, "no-space", 7),
        ["EIO"] = (5, "storage-error", 8),
        ["EDQUOT"] = (122, "quota", 7),
        ["EMFILE"] = (24, "too-many-open-files", 8),
    };

    public static TheoryData<string, string> Deliveries => Prove.Everything
        ? [.. from scenario in Scenario.Chosen from error in Errors.Keys select (scenario.Name, error)]
        : [(Scenario.Mixed.Name, "EIO")];

    public static TheoryData<string> Scenarios => Prove.Everything ? [.. Scenario.Chosen.Select(scenario => scenario.Name)] : [Scenario.Mixed.Name];

    [Theory]
    [MemberData(nameof(Deliveries))]
    public async Task Whatever_call_of_the_server_fails_no_receipt_lies_the_code_is_right_and_the_next_delivery_is_served(string delivery, string error)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        // What failed after it had its name has no receipt, so that who sends it again rightly finds it stored beside that by a server that numbers.
        Scenario scenario = Scenario.Named(delivery) with { ServerOptions = [] };
        await using var stage = new Stage(disk, scenario);
        (int number, string code, int exitCode) = Errors[error];
        // A client of the plain protocol waits for each answer, and an answer that the server cannot send is left out: it would wait for its stall time-out.
        string calls = scenario.IsPlain ? Injection.FileChanges : Injection.Changes;
        List<string> met = [], outcomes = [];

        foreach (long occurrence in await stage.CallsAsync(client: false, sample: 8))
        {
            using var injection = new Injection(calls, occurrence, occurrence, $"error {number}");
            stage.Begin();
            bool started = await stage.TryStartAsync(injection.Wrapper);
            Sending? sent = started ? await stage.SendAsync() : null;
            if (injection.Met is not { } call)
            {
                break;
            }
            string after = $"{error} at call {occurrence}, {call}";
            met.Add(call.Split(' ')[0]);
            outcomes.Add(sent is null ? "no start" : $"exit {sent.ExitCode}");
            if (sent is null)
            {
                Assert.DoesNotContain("Unhandled", stage.Failure, StringComparison.Ordinal);
            }
            else
            {
                bool onSocket = call.Contains("/socket ", StringComparison.Ordinal);
                Assert.True(sent.ExitCode == 0 || sent.ExitCode == exitCode || (onSocket && sent.ExitCode == 5), $"{delivery}, {after}: {sent}");
                // A directory that is stored as a whole says that something in it is missing.
                Assert.All(sent.Refusals, refusal => Assert.True(refusal == code || onSocket || (scenario.IsAtomic && refusal == "incomplete"), $"{delivery}, {after}: {sent}"));
                stage.AssertNothingLost(after);
                await stage.AssertDeliversAsync(after);
                Assert.DoesNotContain("internal", stage.Server.Log, StringComparison.Ordinal);
            }
            await stage.AssertCompletesAsync(after);
        }

        Assert.NotEmpty(met);
        Prove.Note($"error: {error}, {delivery}: {met.Count} errors, outcomes {Prove.Count(outcomes)}; calls {Prove.Count(met)}");
    }

    /// <summary>No call here is interrupted on a local file system; where one is, it is made again. Only a start may end, with a word.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task A_signal_at_any_call_changes_nothing(string delivery)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using var stage = new Stage(disk, Scenario.Named(delivery));
        int calls = 0;

        foreach (bool client in new[] { false, true })
        {
            foreach (long occurrence in await stage.CallsAsync(client, sample: 3))
            {
                using var injection = new Injection(Injection.Changes, occurrence, occurrence, "error 4");
                string[] wrapper = injection.Wrapper;
                stage.Begin();
                if (!await stage.TryStartAsync(client ? [] : wrapper))
                {
                    Assert.Contains("Interrupted system call", stage.Failure, StringComparison.Ordinal);
                    continue;
                }
                Sending sent = await stage.SendAsync(client ? wrapper : []);
                if (injection.Met is not { } call)
                {
                    break;
                }
                Assert.True(sent.ExitCode == 0, $"{delivery}, EINTR at call {occurrence} of {(client ? "the client" : "the server")}, {call}: {sent}");
                stage.AssertNothingLost($"EINTR at {call}");
                await stage.StopAsync();
                stage.AssertNothingLeft($"EINTR at {call}");
                calls++;
            }
        }

        Prove.Note($"error: EINTR, {delivery}: {calls} calls interrupted, nothing changed");
    }

    /// <summary>Every transfer of bytes is cut to a few hundred: real short reads of sources, short writes, and through them short reads at the other side.</summary>
    [Theory]
    [MemberData(nameof(Scenarios))]
    public async Task Calls_that_take_less_than_they_were_given_are_gone_on_with(string delivery)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using var stage = new Stage(disk, Scenario.Named(delivery));
        using var server = new Injection(Injection.Transfers, 1, long.MaxValue, "short 700");
        using var client = new Injection(Injection.Transfers, 1, long.MaxValue, "short 500");
        stage.Begin();

        Assert.True(await stage.TryStartAsync(server.Wrapper), stage.Failure);
        Sending sent = await stage.SendAsync(client.Wrapper);
        await stage.StopAsync();

        Assert.True(sent.ExitCode == 0, sent.ToString());
        stage.AssertNothingLost("short transfers");
        stage.AssertNothingLeft("short transfers");
        Prove.Note($"error: short transfers, {delivery}: {server.Counted.Length} of the server, {client.Counted.Length} of the client");
    }
}
