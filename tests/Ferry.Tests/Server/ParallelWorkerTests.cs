using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>What must hold although several workers of one connection store at the same time.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ParallelWorkerTests
{
    private const int User = 54321;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0, "durable")]
    [InlineData(0, "received")]
    [InlineData(User, "durable")]
    [InlineData(User, "received")]
    public async Task Directories_get_their_time_and_their_mode_after_the_last_rename_in_them(int user, string durability)
    {
        Needs.Program("setpriv");
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        using var directory = new TestDirectory();
        string root = Directory.CreateDirectory(disk["root"]).FullName;
        string tree = MakeTree(directory["tree"]);
        Tool.Run("chown", $"{user}", root, directory.Path);
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", root, "--at", directory["socket"], "--durability", durability)
            {
                Wrapper = ["setpriv", $"--reuid={user}", $"--regid={user}", "--clear-groups", "--"],
            });

        FerryResult result = await FerryProcess.RunAsync("send", tree, "--at", directory["socket"]);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", Tool.Run("diff", "-r", tree, Path.Combine(root, "tree")));
        Assert.Equal(Listing(tree), Listing(Path.Combine(root, "tree")));
    }

    /// <summary>A hundred connections must do with the usual limit of 1,024 descriptors, whatever number of workers each has.</summary>
    [Fact]
    public async Task A_connection_that_has_delivered_and_is_quiet_keeps_no_directory_of_the_tree_open()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = MakeTree(Path.Combine(served.Sources, "tree"));
        await using FerryClient client = await FerryClient.ConnectAsync(served.Socket, cancellationToken: Cancel);
        List<Receipt> receipts = await client.SendManyAsync([tree], cancellationToken: Cancel).ToListAsync(Cancel);
        Assert.All(receipts, receipt => Assert.Equal(ReceiptResult.Stored, receipt.Result));

        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Directory.EnumerateFileSystemEntries($"/proc/{served.Server.Pid}/fd").Any(path => new FileInfo(path).LinkTarget?.StartsWith(served["tree"], StringComparison.Ordinal) == true))
        {
            await Task.Delay(10, patience.Token);
        }
    }

    [Fact]
    public async Task Large_batches_of_many_connections_at_once_do_with_few_descriptors()
    {
        const int Files = 256;
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], ["prlimit", "--nofile=300:300"]);
        async Task<IEnumerable<ReceiptMessage>> DeliverAsync(int number)
        {
            using var peer = new ScriptedPeer(served.Connect());
            await peer.GreetFirstAsync();
            Task sending = peer.SendAsync([.. Enumerable.Range(1, Files).SelectMany(i => ScriptedPeer.FileFrames((uint)i, $"{number}-{i}", [1]))]);
            Dictionary<uint, ReceiptMessage> receipts = await peer.ReadReceiptsAsync(Files);
            await sending;
            return receipts.Values;
        }

        IEnumerable<ReceiptMessage>[] receipts = await Task.WhenAll(Enumerable.Range(0, 12).Select(DeliverAsync));

        Assert.All(receipts.SelectMany(all => all), receipt => Assert.Null(receipt.Reason));
    }

    /// <summary>Many directories, deep and side by side, with few files each, all of an old time and closed to writing.</summary>
    private static string MakeTree(string tree)
    {
        for (int i = 0; i < 120; i++)
        {
            string path = Directory.CreateDirectory(Path.Combine(tree, $"{i % 7}/{i % 3}/{i}")).FullName;
            for (int file = 0; file < 1 + i % 11; file++)
            {
                File.WriteAllText(Path.Combine(path, $"file{file}"), new string('x', i * file));
            }
        }
        Tool.Run("find", tree, "-depth", "-type", "d", "-exec", "chmod", "0555", "{}", "+", "-exec", "touch", "-d", "2001-02-03 04:05:06.789", "{}", "+");
        return tree;
    }

    private static string Listing(string tree) =>
        string.Join('\n', Tool.Run("find", tree, "-type", "d", "-printf", "%P %m %T@\\n").Split('\n').Order(StringComparer.Ordinal));
}
