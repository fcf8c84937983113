namespace Ferry.Load;

/// <summary>What the benchmarks need of one process with many connections, which no command line gives.</summary>
internal static class Program
{
    private const string Usage = """
        usage: Load throughput SOCKET SOURCES INBOX ROUNDS descriptors|streamed
               Load idle SOCKET CONNECTIONS
        """;

    public static async Task<int> Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["throughput", string socket, string sources, string inbox, string rounds, "descriptors" or "streamed"]:
                var throughput = new Throughput(socket, sources, inbox, descriptors: arguments[^1] == "descriptors");
                await throughput.RunAsync(int.Parse(rounds));
                return 0;
            case ["idle", string socket, string connections]:
                await IdleConnections.HoldAsync(socket, int.Parse(connections));
                return 0;
            default:
                await Console.Error.WriteLineAsync(Usage);
                return 2;
        }
    }
}
