namespace Ferry.Soak;

/// <summary>Many clients that come, send, break off and are killed, against one real server. tests/soak calls it.</summary>
internal static class Program
{
    private const string Usage = "usage: Ferry.Soak FERRY DIRECTORY SECONDS   (the command, where to serve and to keep sources, how long)";

    public static async Task<int> Main(string[] arguments)
    {
        if (arguments is not [string ferry, string directory, string text] || !int.TryParse(text, out int seconds))
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }
        using var contents = new Contents(Path.Combine(directory, "sources"));
        await using ServerProcess server = await ServerProcess.StartAsync(ferry, Path.Combine(directory, "root"), Path.Combine(directory, "socket"));
        var ledger = new Ledger(server.Root, contents);
        var run = new SoakRun(server, contents, ledger, TimeSpan.FromSeconds(seconds));
        await run.RunAsync();
        return ledger.Report() ? 0 : 1;
    }
}
