namespace Ferry.Load;

/// <summary>Connections that have greeted and send nothing, held until standard input ends.</summary>
internal static class IdleConnections
{
    private const int AtOnce = 16;

    public static async Task HoldAsync(string socket, int count)
    {
        var clients = new FerryClient[count];
        await Parallel.ForAsync(0, count, new ParallelOptions { MaxDegreeOfParallelism = AtOnce }, async (i, cancellationToken) =>
            clients[i] = await FerryClient.ConnectAsync(socket, cancellationToken: cancellationToken));
        Console.WriteLine("ready");
        await Console.In.ReadToEndAsync();
        foreach (FerryClient client in clients)
        {
            // Shows that it was a living connection to the end.
            await client.SendAsync(Stream.Null, "idle");
            await client.DisposeAsync();
        }
        Console.WriteLine("done");
    }
}
