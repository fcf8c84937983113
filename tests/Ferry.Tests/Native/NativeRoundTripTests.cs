using System.Security.Cryptography;
using System.Text;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Native;

public sealed class NativeRoundTripTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(65_536)]
    [InlineData(65_537)]
    [InlineData(262_144)]
    [InlineData(5_000_001)]
    public async Task A_file_of_any_size_arrives_with_mode_time_and_hash(int size)
    {
        await using var pair = new NativePair();
        byte[] content = RandomNumberGenerator.GetBytes(size);
        string source = Path.Combine(pair.Sources, "file");
        await File.WriteAllBytesAsync(source, content, Cancel);
        File.SetUnixFileMode(source, UnixFileMode.UserRead | UnixFileMode.GroupRead | UnixFileMode.OtherExecute);
        File.SetLastWriteTimeUtc(source, DateTime.UnixEpoch.AddSeconds(1_700_000_000.5));
        await using FerryClient client = await pair.ConnectAsync();

        Receipt receipt = await client.SendAsync(source, cancellationToken: Cancel);

        string stored = Path.Combine(pair.Root, "file");
        Assert.Equal(content, await File.ReadAllBytesAsync(stored, Cancel));
        Assert.Equal(File.GetUnixFileMode(source), File.GetUnixFileMode(stored));
        Assert.Equal(File.GetLastWriteTimeUtc(source), File.GetLastWriteTimeUtc(stored));
        Assert.Equal("xxh128:" + Convert.ToHexStringLower(System.IO.Hashing.XxHash128.Hash(content)), receipt.Hash);
        Assert.Equal(size, receipt.Size);
        Assert.Equal(HashCheck.Both, receipt.Checked);
    }

    [Fact]
    public async Task A_tree_arrives_with_its_empty_files_and_directories()
    {
        await using var pair = new NativePair();
        string tree = Path.Combine(pair.Sources, "tree");
        for (int folder = 0; folder < 20; folder++)
        {
            string path = Directory.CreateDirectory(Path.Combine(tree, $"folder{folder}", "empty")).Parent!.FullName;
            for (int file = 0; file < 50; file++)
            {
                await File.WriteAllTextAsync(Path.Combine(path, $"file{file}"), new string('x', file * file * 60), Cancel);
            }
        }
        await using FerryClient client = await pair.ConnectAsync();

        List<Receipt> receipts = await client.SendManyAsync([tree], cancellationToken: Cancel).ToListAsync(Cancel);

        Assert.All(receipts, receipt => Assert.Equal(ReceiptResult.Stored, receipt.Result));
        Assert.Equal(1 + 20 * 52, receipts.Count);
        Assert.Equal("", Tool.Run("diff", "-r", tree, Path.Combine(pair.Root, "tree")));
    }

    [Fact]
    public async Task Content_from_a_stream_arrives_under_its_name()
    {
        await using var pair = new NativePair();
        byte[] content = RandomNumberGenerator.GetBytes(700_000);
        await using FerryClient client = await pair.ConnectAsync();

        Receipt receipt = await client.SendAsync(new MemoryStream(content), "a/b.bin", new SendOptions { Into = "c" }, Cancel);

        Assert.Equal("c/a/b.bin", receipt.Name.ToString());
        Assert.Equal(content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "c/a/b.bin"), Cancel));
    }

    [Fact]
    public async Task Deliveries_follow_one_another_on_one_client()
    {
        await using var pair = new NativePair();
        await using FerryClient client = await pair.ConnectAsync();
        for (int i = 0; i < 5; i++)
        {
            await client.SendAsync(new MemoryStream(Encoding.UTF8.GetBytes($"{i}")), $"n{i}", cancellationToken: Cancel);
        }

        Assert.Equal(["n0", "n1", "n2", "n3", "n4"], pair.Receipts.Select(receipt => receipt.Name.ToString()));
    }

    [Fact]
    public async Task A_refused_name_is_a_receipt_and_the_rest_goes_on()
    {
        await using var pair = new NativePair();
        await using FerryClient client = await pair.ConnectAsync();

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(new MemoryStream(new byte[100_000]), "../up", cancellationToken: Cancel));
        Receipt receipt = await client.SendAsync(new MemoryStream([1]), "down", cancellationToken: Cancel);

        Assert.Equal(FerryErrorCode.BadName, e.Code);
        Assert.Equal(ReceiptResult.Stored, receipt.Result);
    }

    [Fact]
    public async Task A_client_that_says_goodbye_ends_the_session_without_an_error()
    {
        await using var pair = new NativePair();
        await using (FerryClient client = await pair.ConnectAsync())
        {
            await client.SendAsync(new MemoryStream([1]), "one", cancellationToken: Cancel);
        }

        await pair.Session;
    }

    [Fact]
    public async Task A_session_that_has_ended_leaves_no_descriptor_open()
    {
        await using var pair = new NativePair(descriptors: true);
        Directory.CreateDirectory(Path.Combine(pair.Sources, "tree", "sub"));
        await File.WriteAllBytesAsync(Path.Combine(pair.Sources, "tree", "sub", "large"), new byte[300_000], Cancel);
        await File.WriteAllBytesAsync(Path.Combine(pair.Sources, "tree", "small"), new byte[300], Cancel);
        await using (FerryClient client = await pair.ConnectAsync())
        {
            await client.SendManyAsync([Path.Combine(pair.Sources, "tree")], cancellationToken: Cancel).ToListAsync(Cancel);
        }
        await pair.Session;

        string[] open = [.. Directory.EnumerateFileSystemEntries("/proc/self/fd").Select(path => new FileInfo(path).LinkTarget ?? "").Where(target => target.StartsWith(Path.GetDirectoryName(pair.Root)!, StringComparison.Ordinal))];
        // The store's own: the root, and what lies directly in its own directory.
        string own = Path.Combine(pair.Root, ".ferry");
        Assert.All(open, target => Assert.True(target == pair.Root || target == own || Path.GetDirectoryName(target) == own, target));
    }

    [Fact]
    public async Task Thousands_of_refused_large_files_end_in_receipts()
    {
        await using var pair = new NativePair(options => options.MaxFileSize = 70_000);
        string tree = Directory.CreateDirectory(Path.Combine(pair.Sources, "tree")).FullName;
        for (int i = 0; i < 2_000; i++)
        {
            using FileStream file = File.Create(Path.Combine(tree, $"f{i}"));
            file.SetLength(100_000);
        }
        await using FerryClient client = await pair.ConnectAsync();

        List<Receipt> receipts = await client.SendManyAsync([tree], cancellationToken: Cancel).ToListAsync(Cancel);

        Assert.Equal(2_000, receipts.Count(receipt => receipt.Code == FerryErrorCode.TooLarge));
    }

    [Fact]
    public async Task Cancelling_closes_the_client_and_leaves_nothing()
    {
        await using var pair = new NativePair();
        await using FerryClient client = await pair.ConnectAsync();
        using var cancel = new CancellationTokenSource();
        var progress = new CancelAfterFirstReport(cancel);

        await Assert.ThrowsAnyAsync<OperationCanceledException>(
            () => client.SendAsync(new EndlessStream(), "endless", new SendOptions { Progress = progress }, cancel.Token));

        await Assert.ThrowsAsync<FerryConnectionException>(() => client.SendAsync(new MemoryStream(), "next", cancellationToken: Cancel));
        await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        Assert.Equal([".ferry"], Directory.GetFileSystemEntries(pair.Root).Select(Path.GetFileName));
    }

    private sealed class CancelAfterFirstReport(CancellationTokenSource cancel) : IProgress<TransferProgress>
    {
        public void Report(TransferProgress value) => cancel.Cancel();
    }
}
