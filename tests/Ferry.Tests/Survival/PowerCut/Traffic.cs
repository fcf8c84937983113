using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>
/// A server and many clients at once on a file system that will lose its power: every scenario again and again, each time with another version. What was under way
/// when it went is given again afterwards.
/// </summary>
/// <param name="mount">Where the file system is mounted.</param>
/// <param name="moment">Tells how far the device is.</param>
internal sealed class Traffic(string mount, Func<long> moment) : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly List<Round> begun = [];

    public Ledger Ledger { get; } = new();

    public string Root => Path.Combine(mount, "root");

    /// <summary>Puts what is there before and has it outlive everything.</summary>
    public void Prepare(IEnumerable<Scenario> scenarios)
    {
        foreach (Scenario scenario in scenarios)
        {
            scenario.LayBefore(Root, Ledger);
        }
        Tool.Run("sync", "--file-system", mount);
    }

    /// <param name="scenarios">Each is sent by a client of its own.</param>
    /// <param name="rounds">How often.</param>
    /// <param name="wrapper">Of the server.</param>
    public async Task RunAsync(IEnumerable<Scenario> scenarios, int rounds, string[] wrapper)
    {
        await using FerryServerProcess server = await Serving.StartAsync(Root, directory["socket"], wrapper);
        await Task.WhenAll(scenarios.Select(async scenario =>
        {
            for (int round = 1; round <= rounds; round++)
            {
                await SendAsync(scenario, round);
            }
        }));
        await server.StopAsync();
    }

    /// <summary>
    /// The machine runs again, and whoever had given a command at the moment of the cut gives it once more, if it is one that goes on. It must complete, and what
    /// it has a receipt for, old or new, must be there.
    /// </summary>
    /// <param name="root">What is served now.</param>
    /// <param name="cut">The moment.</param>
    /// <returns>What is wrong, how many commands were given, and how many receipts were of what had been there already.</returns>
    public async Task<(List<string> Wrong, int Commands, int GoneOn)> GoOnAsync(string root, long cut)
    {
        Round[] under = [.. begun.Where(round => round.Scenario.GoesOn && round.Moment <= cut).GroupBy(round => round.Scenario).Select(rounds => rounds.Last())];
        string socket = directory["another-socket"];
        await using FerryServerProcess server = await Serving.StartAsync(root, socket, AnotherBoot.Wrapper(directory["boot_id"]));
        List<string> wrong = [];
        int goneOn = 0;
        foreach (Round round in under)
        {
            var ledger = new Ledger();
            round.Scenario.Enter(ledger, round.Number, round.Number);
            Sending sent = await Sending.RunAsync(round.Scenario, round.Arguments, socket, ledger, () => 0);
            goneOn += sent.GoneOn;
            if (sent.ExitCode != 0 || sent.Refusals.Length > 0)
            {
                wrong.Add($"{round.Scenario}, version {round.Number} given again: {sent}");
            }
            wrong.AddRange(ledger.JudgeNames(root, 0, out _).Select(what => $"{round.Scenario}, version {round.Number} given again: {what}"));
        }
        await server.StopAsync();
        return (wrong, under.Length, goneOn);
    }

    public void Dispose() => directory.Dispose();

    private async Task SendAsync(Scenario scenario, int round)
    {
        // Sources on the file system itself can be cloned.
        string sources = scenario.Name == "passed" ? Path.Combine(mount, "sources") : directory["sources"];
        string[] arguments = scenario.Prepare(sources, round, Ledger, round);
        lock (begun)
        {
            begun.Add(new Round(scenario, round, arguments, moment()));
        }
        // What is only received promises no more than that names hold old or new.
        Sending sent = await Sending.RunAsync(scenario, arguments, directory["socket"], Ledger, () => scenario.IsDurable ? moment() : long.MaxValue - 1);
        Assert.True(sent.ExitCode == 0, $"{scenario}, round {round}: {sent}");
        if (!scenario.GoesOn)
        {
            Directory.Delete(Path.Combine(sources, $"{scenario.Name}-{round}"), recursive: true);
        }
    }

    /// <param name="Scenario">What was sent.</param>
    /// <param name="Number">Of the version.</param>
    /// <param name="Arguments">Of <c>ferry send</c>.</param>
    /// <param name="Moment">When the command was given.</param>
    private sealed record Round(Scenario Scenario, int Number, string[] Arguments, long Moment);
}
