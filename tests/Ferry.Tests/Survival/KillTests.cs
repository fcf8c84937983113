using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival;

/// <summary>
/// SIGKILL before each system call that changes a file or sends to the peer, one run for each call of a delivery, starting and stopping included.
/// In <c>./test</c> at a few calls of different kinds of one delivery.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class KillTests
{
    /// <summary>All but a plain client that dies: nobody can tell its end from the end of the file, and docs/protocol.md says so.</summary>
    public static TheoryData<string, string, bool> Deliveries => Prove.Everything
        ? [.. from scenario in Scenario.Chosen from type in FileSystems from client in Sides where !(client && scenario.IsPlain) select (scenario.Name, type, client)]
        : [.. from client in Sides select (Scenario.Mixed.Name, "ext4", client)];

    private static readonly string[] FileSystems = ["ext4", "tmpfs"];
    private static readonly bool[] Sides = [false, true];

    [Theory]
    [MemberData(nameof(Deliveries))]
    public async Task Whatever_call_a_process_dies_at_nothing_acknowledged_is_lost_and_the_same_command_completes(string delivery, string type, bool client)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        await using var stage = new Stage(disk, Scenario.Named(delivery));
        List<string> met = [];

        foreach (long occurrence in await stage.CallsAsync(client, sample: 12))
        {
            if (await KillAsync(stage, client, occurrence) is not { } site)
            {
                break;
            }
            met.Add(site);
        }

        Assert.NotEmpty(met);
        Prove.Note($"kill: {(client ? "client" : "server")}, {delivery}, {type}: {met.Count} kills: {Prove.Count(met)}");
    }

    /// <returns>The call; null when there were not so many.</returns>
    private static async Task<string?> KillAsync(Stage stage, bool client, long occurrence)
    {
        using var injection = new Injection(Injection.Changes, occurrence, occurrence, "kill");
        stage.Begin();
        Sending? sent = null;
        if (await stage.TryStartAsync(client ? [] : injection.Wrapper))
        {
            sent = await stage.SendAsync(client ? injection.Wrapper : []);
            if (!client && injection.Met is null)
            {
                await stage.StopAsync();
            }
        }
        if (injection.Met is not { } met)
        {
            Assert.True(sent?.ExitCode == 0, $"nothing was killed, and yet: {sent} {stage.Failure}");
            return null;
        }
        string after = $"{(client ? "client" : "server")} killed at call {occurrence}, {met}";
        if (sent is not null)
        {
            Assert.True(sent.ExitCode is 0 or 3 or 5 || (client && sent.ExitCode == 128 + Signal.Kill), $"{after}: {sent}");
        }
        stage.AssertNothingLost(after);
        if (client)
        {
            // The server does not mind.
            await stage.AssertDeliversAsync(after);
        }
        await stage.AssertCompletesAsync(after);
        return met.Split(' ')[0];
    }
}
