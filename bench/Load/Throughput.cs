using System.Diagnostics;

namespace Ferry.Load;

/// <summary>
/// Sends the files of a directory over as many connections as there are files, all at once, and over one connection: whole, and again for the noise.
/// Prints a line with a name and microseconds for each run but the first, which warms up. Copies are compared and removed outside of the time.
/// </summary>
internal sealed class Throughput
{
    private readonly string socket;
    private readonly string[] sources;
    private readonly string inbox;
    private readonly FerryClientOptions options;

    public Throughput(string socket, string sources, string inbox, bool descriptors)
    {
        this.socket = socket;
        this.sources = Directory.GetFiles(sources);
        this.inbox = inbox;
        options = new FerryClientOptions { Descriptors = descriptors };
    }

    public async Task RunAsync(int rounds)
    {
        (string Name, int Connections)[] variants = [("many", sources.Length), ("one", 1), ("one_again", 1)];
        for (int round = 0; round <= rounds; round++)
        {
            // Each comes first in turn.
            for (int turn = 0; turn < variants.Length; turn++)
            {
                (string name, int connections) = variants[(round + turn) % variants.Length];
                TimeSpan time = await MeasureAsync(connections);
                CompareAndRemove();
                if (round > 0)
                {
                    Console.WriteLine($"{name} {time.TotalMicroseconds:F0}");
                }
            }
        }
    }

    /// <summary>The time from when all are connected to the last receipt.</summary>
    private async Task<TimeSpan> MeasureAsync(int connections)
    {
        var clients = new FerryClient[connections];
        for (int i = 0; i < connections; i++)
        {
            clients[i] = await FerryClient.ConnectAsync(socket, options);
        }
        long start = Stopwatch.GetTimestamp();
        await Task.WhenAll(clients.Select((client, i) => Task.Run(() => SendAsync(client, sources.Where((_, file) => file % connections == i)))));
        TimeSpan time = Stopwatch.GetElapsedTime(start);
        foreach (FerryClient client in clients)
        {
            await client.DisposeAsync();
        }
        return time;
    }

    private static async Task SendAsync(FerryClient client, IEnumerable<string> files)
    {
        await foreach (Receipt receipt in client.SendManyAsync(files.Select(FerryPath.FromString)))
        {
            if (receipt.Result != ReceiptResult.Stored)
            {
                throw new InvalidOperationException($"{receipt.Name}: {receipt.Result}: {receipt.Reason}");
            }
        }
    }

    private void CompareAndRemove()
    {
        foreach (string source in sources)
        {
            string copy = Path.Combine(inbox, Path.GetFileName(source));
            if (!File.ReadAllBytes(source).AsSpan().SequenceEqual(File.ReadAllBytes(copy)))
            {
                throw new InvalidOperationException($"{copy} differs from {source}");
            }
            File.Delete(copy);
        }
    }
}
