using System.Text;
using Ferry.Native;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>Somebody exchanges directories on the way for symbolic links that lead out, all the while.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ConfinementRaceTests
{
    private const int Files = 200;
    private const uint Exchange = 2;

    [Theory]
    [InlineData("a")]
    [InlineData("a/b")]
    [InlineData("a/b/c")]
    public async Task Deliveries_never_lead_out_through_a_directory_that_is_swapped_for_a_link(string swapped)
    {
        using var outside = new TestDirectory();
        Directory.CreateDirectory(outside["b/c"]);
        Directory.CreateDirectory(outside["c"]);
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Directory.CreateDirectory(served["a/b/c"]);
        File.CreateSymbolicLink(served["link"], outside.Path);
        using var stop = new CancellationTokenSource();
        Task<int> swapping = Task.Run(() => Swap(served[swapped], served["link"], stop.Token), TestContext.Current.CancellationToken);

        List<Receipt> receipts = [];
        for (int round = 0; round < 4; round++)
        {
            foreach (List<Receipt> some in await Task.WhenAll(DeliverAsync(served.Socket, "a/b/c"), DeliverAsync(served.Socket, "a/b/c/d")))
            {
                receipts.AddRange(some);
            }
        }
        await stop.CancelAsync();

        Assert.True(await swapping > 1_000);
        Assert.Equal(["b", "b/c", "c"], Directory.GetFileSystemEntries(outside.Path, "*", SearchOption.AllDirectories).Select(path => Path.GetRelativePath(outside.Path, path)).Order());
        Assert.Equal(8 * Files, receipts.Count);
        Assert.Contains(receipts, receipt => receipt.Result == ReceiptResult.Stored);
        Assert.Contains(receipts, receipt => receipt.Code == FerryErrorCode.SymbolicLink);
        // A directory that has left the one above it by the end of its resolution is, to the kernel, as far away as another file system.
        Assert.All(receipts, receipt => Assert.True(
            receipt.Code is null or FerryErrorCode.SymbolicLink or FerryErrorCode.NotDirectory or FerryErrorCode.CrossesMount, receipt.ToString()));
        Assert.Null(await served.DeliverAsync("after"));
    }

    private static int Swap(string directory, string link, CancellationToken stop)
    {
        byte[] from = Encoding.UTF8.GetBytes(directory), to = Encoding.UTF8.GetBytes(link);
        int count = 0;
        while (!stop.IsCancellationRequested || count % 2 != 0)
        {
            Assert.Equal(0, LibC.renameat2(FileCalls.WorkingDirectory, from, FileCalls.WorkingDirectory, to, Exchange));
            count++;
        }
        return count;
    }

    /// <summary>Hundreds of files on one connection, each by its whole path, with a new name each time so that directories are opened and made anew.</summary>
    private static async Task<List<Receipt>> DeliverAsync(string socket, string directory)
    {
        using var sources = new TestDirectory();
        string[] files = [.. Enumerable.Range(0, Files).Select(i => sources[$"{i % 7}/file{i}"])];
        foreach (string file in files)
        {
            Directory.CreateDirectory(Path.GetDirectoryName(file)!);
            await File.WriteAllTextAsync(file, "content");
        }
        await using FerryClient client = await FerryClient.ConnectAsync(socket);
        List<Receipt> receipts = [];
        foreach (IEnumerable<string> some in files.Chunk(10))
        {
            await foreach (Receipt receipt in client.SendManyAsync(some.Select(file => (FerryPath)file), new SendOptions { Into = $"{directory}/{Guid.NewGuid():N}" }))
            {
                receipts.Add(receipt);
            }
        }
        return receipts;
    }
}
