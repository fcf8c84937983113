namespace Ferry.Soak;

/// <summary>Two hundred clients for as long as asked, a look at the server now and then, and at the end everything that must hold of it.</summary>
internal sealed class SoakRun(ServerProcess server, Contents contents, Ledger ledger, TimeSpan length)
{
    private const int Natives = 150;
    private const int Plains = 20;
    private const int Commands = 30;
    private const int Samples = 40;

    // What may come and go with the moment; more is growth.
    private const int DescriptorSlack = 200;
    private const int ThreadSlack = 48;
    private const int MemorySlack = 64 * 1024;

    private readonly LibraryClients library = new(server, contents, ledger);
    private readonly CommandClients commands = new(server, contents, ledger);
    private readonly DateTime start = DateTime.UtcNow;
    private readonly List<Usage> usages = [];

    private TimeSpan Elapsed => DateTime.UtcNow - start;

    public async Task RunAsync()
    {
        Usage idle = server.Measure();
        Console.WriteLine("|    s | deliveries | broken off | receipts | descriptors | threads | memory KiB |");
        Console.WriteLine("|---|---|---|---|---|---|---|");
        Show("idle", idle);
        Task clients = Task.WhenAll(
            Enumerable.Range(0, Natives).Select(i => LoopAsync($"native-{i}", library.NativeAsync))
                .Concat(Enumerable.Range(0, Plains).Select(i => LoopAsync($"plain-{i}", library.PlainAsync)))
                .Concat(Enumerable.Range(0, Commands).Select(i => LoopAsync($"command-{i}", commands.SendAsync))));
        await SampleAsync(clients);
        await clients;
        await WaitUntilIdleAsync(idle);
        Usage last = server.Measure();
        Show("end", last);
        CheckGrowth(idle, last);
        CheckStaging();
        (int exitCode, string errors) = await server.StopAsync();
        if (exitCode != 0 || errors.Length > 0)
        {
            ledger.Fault($"the server ended with {exitCode} and said: {errors}");
        }
    }

    private async Task LoopAsync(string client, Func<string, bool, Task> deliverAsync)
    {
        for (int i = 0; Elapsed < length; i++)
        {
            string into = $"{client}-{i}";
            bool breaksOff = Random.Shared.Next(3) == 0;
            try
            {
                await Task.Run(() => deliverAsync(into, breaksOff));
            }
            catch (Exception e)
            {
                ledger.Fault($"{into}: {e}");
            }
            ledger.Ended(breaksOff);
            ledger.Remove(into);
        }
    }

    private async Task SampleAsync(Task clients)
    {
        while (!clients.IsCompleted && !server.HasEnded)
        {
            await Task.WhenAny(clients, Task.Delay(length / Samples));
            if (!clients.IsCompleted)
            {
                usages.Add(server.Measure());
                Show($"{Elapsed.TotalSeconds:0}", usages[^1]);
            }
        }
    }

    private void Show(string when, Usage usage) => Console.WriteLine(
        $"| {when,4} | {ledger.Deliveries,10} | {ledger.Disturbed,10} | {ledger.Receipts,8} | {usage.Descriptors,11} | {usage.Threads,7} | {usage.Memory,10} |");

    /// <summary>The last connections end a moment after their clients.</summary>
    private async Task WaitUntilIdleAsync(Usage idle)
    {
        for (int tries = 0; tries < 100 && (server.Measure().Descriptors > idle.Descriptors + 4 || Staged().Any()); tries++)
        {
            await Task.Delay(100);
        }
    }

    private void CheckGrowth(Usage idle, Usage last)
    {
        if (last.Descriptors > idle.Descriptors + 4)
        {
            ledger.Fault($"{last.Descriptors} descriptors are open at the end, {idle.Descriptors} were at the beginning");
        }
        int third = usages.Count / 3;
        if (third < 2)
        {
            return;
        }
        // What it needs for so many clients shows in the first third.
        Compare("descriptors", usage => usage.Descriptors, DescriptorSlack);
        Compare("threads", usage => usage.Threads, ThreadSlack);
        Compare("KiB of memory", usage => usage.Memory, MemorySlack);

        void Compare(string what, Func<Usage, int> of, int slack)
        {
            (int before, int after) = (usages.Take(third).Max(of), usages.TakeLast(third).Max(of));
            if (after > before + slack)
            {
                ledger.Fault($"{what} grow: at most {before} in the first third, {after} in the last");
            }
        }
    }

    private IEnumerable<string> Staged() => Directory.EnumerateFileSystemEntries(Path.Combine(server.Root, ".ferry", "incoming"));

    private void CheckStaging()
    {
        foreach (string left in Staged())
        {
            ledger.Fault($"{left} is left in staging");
        }
    }
}
