using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>A server and many clients at once on a file system that will lose its power: every scenario again and again, each time with another version.</summary>
/// <param name="mount">Where the file system is mounted.</param>
/// <param name="moment">Tells how far the device is.</param>
internal sealed class Traffic(string mount, Func<long> moment) : IDisposable
{
    private readonly TestDirectory directory = new();

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
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", Root, "--at", directory["socket"], "--reserve-free", "1K") { Wrapper = wrapper });
        await Task.WhenAll(scenarios.Select(async scenario =>
        {
            for (int round = 1; round <= rounds; round++)
            {
                await SendAsync(scenario, round);
            }
        }));
        await server.StopAsync();
    }

    public void Dispose() => directory.Dispose();

    private async Task SendAsync(Scenario scenario, int round)
    {
        // Sources on the file system itself can be cloned.
        string sources = scenario.Name == "passed" ? Path.Combine(mount, "sources") : directory["sources"];
        string[] arguments = scenario.Prepare(sources, round, Ledger, round);
        // What is only received promises no more than that names hold old or new.
        Sending sent = await Sending.RunAsync(scenario, arguments, directory["socket"], Ledger, () => scenario.IsDurable ? moment() : long.MaxValue - 1);
        Assert.True(sent.ExitCode == 0, $"{scenario}, round {round}: {sent}");
        Directory.Delete(Path.Combine(sources, $"{scenario.Name}-{round}"), recursive: true);
    }
}
