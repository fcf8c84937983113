using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival;

/// <summary>One scenario on one file system, to be played with calls injected into the server or into the client.</summary>
internal sealed class Stage(TinyFileSystem disk, Scenario scenario) : IAsyncDisposable
{
    private readonly TestDirectory directory = new();
    private FerryServerProcess? server;

    public Ledger Ledger { get; private set; } = new();

    public string Root { get; private set; } = "";

    private string[] arguments = [];

    /// <summary>A directory as it is before, and no server.</summary>
    public void Begin()
    {
        if (Root.Length > 0)
        {
            Tool.Run("rm", "-rf", Root);
        }
        (Ledger, Root) = (new Ledger(), disk["root"]);
        scenario.LayBefore(Root, Ledger);
        arguments = scenario.Prepare(directory["sources"], 1, Ledger);
    }

    /// <summary>Starts a server; false when it ended instead of starting, as one that is killed or failed may.</summary>
    public async Task<bool> TryStartAsync(string[]? wrapper = null)
    {
        await StopAsync();
        try
        {
            server = await Serving.StartAsync(Root, directory["socket"], wrapper ?? [], scenario.ServerOptions);
            return true;
        }
        catch (InvalidOperationException e)
        {
            Failure = e.Message;
            return false;
        }
    }

    /// <summary>Why the last server did not start.</summary>
    public string Failure { get; private set; } = "";

    public FerryServerProcess Server => server!;

    public Task<Sending> SendAsync(string[]? wrapper = null) => Sending.RunAsync(scenario, arguments, directory["socket"], Ledger, () => 0, wrapper);

    /// <summary>
    /// The numbers of the calls to disturb: all, until a delivery ends without having got that far; or for a sample one of each kind, so that
    /// each is met somewhere.
    /// </summary>
    /// <param name="client">Whose calls.</param>
    /// <param name="sample">At most so many for a sample.</param>
    public async Task<IEnumerable<long>> CallsAsync(bool client, int sample)
    {
        if (Prove.Everything)
        {
            return Enumerable.Range(1, 10_000).Select(i => (long)i);
        }
        using var injection = new Injection(Injection.Changes, 0, 0, "kill");
        Begin();
        await TryStartAsync(client ? [] : injection.Wrapper);
        await SendAsync(client ? injection.Wrapper : []);
        await StopAsync();
        long[] kinds = [.. injection.Counted.Index().GroupBy(call => call.Item).Select(same => 1L + same.ElementAt(same.Count() / 2).Index).Order()];
        return kinds.Where((_, at) => at * sample / kinds.Length != (at - 1) * sample / kinds.Length || at == 0);
    }

    /// <summary>Nothing that was acknowledged is lost, nothing is visible in part, and nothing but what was sent.</summary>
    public void AssertNothingLost(string after)
    {
        List<string> wrong = Ledger.Judge(Root, 0, out _);
        Assert.True(wrong.Count == 0, $"{scenario}, {after}: {string.Join("; ", wrong)}");
    }

    /// <summary>A new server takes the same delivery, and then everything is right and nothing is left over.</summary>
    public async Task AssertCompletesAsync(string after)
    {
        Assert.True(await TryStartAsync(), $"{scenario}, {after}: {Failure}");
        await AssertDeliversAsync(after);
        await StopAsync();
        AssertNothingLeft(after);
    }

    /// <summary>The server takes the same delivery, and then everything is right.</summary>
    public async Task AssertDeliversAsync(string after)
    {
        Sending again = await SendAsync();
        Assert.True(again.ExitCode == 0 && again.Refusals.Length == 0, $"{scenario}, {after}, sent again: {again}");
        AssertNothingLost($"{after}, sent again");
    }

    /// <summary>In the server's own directory is nothing but what is always there, once it has ended: no file that arrives, no part, no tree.</summary>
    public void AssertNothingLeft(string after)
    {
        string own = Path.Combine(Root, ".ferry");
        string[] left =
        [
            .. Directory.EnumerateFileSystemEntries(own, "*", SearchOption.AllDirectories)
                .Where(path => File.Exists(path) || !Path.GetRelativePath(own, path).StartsWith("partials", StringComparison.Ordinal))
                .Select(path => Path.GetRelativePath(own, path))
                .Where(name => name.Contains('/', StringComparison.Ordinal) && !name.StartsWith("journal/", StringComparison.Ordinal)),
        ];
        Assert.True(left.Length == 0, $"{scenario}, {after}: left in .ferry: {string.Join(' ', left)}");
    }

    /// <summary>Ends the server as a service manager does.</summary>
    public async Task StopAsync()
    {
        if (server is not null)
        {
            if (!server.HasEnded)
            {
                await server.StopAsync();
            }
            await server.DisposeAsync();
            server = null;
        }
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
        {
            await server.DisposeAsync();
        }
        Tool.Run("rm", "-rf", Root);
        directory.Dispose();
    }
}
