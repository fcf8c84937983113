using System.Security.Cryptography;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>The server has stored, and its receipt does not arrive: <c>--retry</c> gets it once more, and nothing is stored twice.</summary>
[Trait("Category", "EndToEnd")]
public sealed class LostReceiptTests
{
    private const int Files = 20;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("number", 1)]
    [InlineData("number", 7)]
    [InlineData("number", Files + 1)]
    [InlineData("replace", 1)]
    [InlineData("replace", Files)]
    [InlineData("refuse", 1)]
    [InlineData("keep", 3)]
    public async Task Receipts_that_were_lost_are_given_again_and_every_file_is_there_once(string existing, int lost)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", existing);
        string tree = MakeTree(served.Sources);
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(FrameType.Receipt, lost) : null)
        {
            // The batch of the first files is stored as a whole before anything of it is told.
            OnCut = _ => served.WaitForEmptyStagingAsync(),
        };

        FerryResult sent = await FerryProcess.RunAsync("send", tree, "--at", relay.Path, "--retry", "3", "--json");

        Assert.True(sent.ExitCode == 0, sent.ToString());
        Assert.Equal(1, relay.Cuts);
        SentReceipts receipts = SentReceipts.Read(sent);
        Assert.Equal(Files + 2, receipts.Count);
        Assert.All(receipts.All, receipt => Assert.Equal("stored", receipt.Result));
        Assert.NotEmpty(receipts.Replayed);
        Assert.Equal(Files + 1, Directory.EnumerateFiles(served["tree"]).Count());
        Tool.Run("diff", "-r", tree, served["tree"]);
        Assert.Contains("connecting again in", sent.Errors, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(10)]
    [InlineData(3_000_000)]
    public async Task Standard_input_whose_receipt_was_lost_gets_it_once_more(int size)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        byte[] content = RandomNumberGenerator.GetBytes(size);
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(FrameType.Receipt) : null) { OnCut = _ => served.WaitForEmptyStagingAsync() };

        FerryResult sent = await FerryProcess.RunAsync(
            new FerryCommand("send", "-", "--as", "input", "--at", relay.Path, "--retry", "1", "--json") { Input = new MemoryStream(content) });

        Assert.True(sent.ExitCode == 0, sent.ToString());
        Assert.Equal(["input"], SentReceipts.Read(sent).Replayed);
        Assert.Equal(["input"], served.Visible);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["input"], Cancel));
    }

    [Fact]
    public async Task Standard_input_that_was_cut_while_it_flowed_is_unknown_because_it_cannot_be_sent_twice()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var relay = new CuttingRelay(served.Socket, number => number == 1 ? new RelayCut(AfterFromClient: 500_000) : null);

        FerryResult sent = await FerryProcess.RunAsync(
            new FerryCommand("send", "-", "--as", "input", "--at", relay.Path, "--retry", "3", "--json") { Input = new MemoryStream(new byte[3_000_000]) });

        Assert.Equal(5, sent.ExitCode);
        Assert.Equal("unknown", SentReceipts.Read(sent).All.Single().Result);
        Assert.Contains("its content had begun to flow and cannot be read twice", sent.Errors, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task A_key_given_again_gets_the_old_receipts_and_none_given_never_does()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        string source = Path.Combine(served.Sources, "a.txt");
        await File.WriteAllTextAsync(source, "content", Cancel);

        FerryResult first = await served.SendAsync(source, "--delivery-key", "monday", "--json");
        FerryResult again = await served.SendAsync(source, "--delivery-key", "monday", "--json");
        FerryResult other = await served.SendAsync(source, "--delivery-key", "tuesday", "--json");
        FerryResult none = await served.SendAsync(source, "--json");
        FerryResult retried = await served.SendAsync(source, "--retry", "2", "--json");
        await File.WriteAllTextAsync(source, "changed", Cancel);
        FerryResult changed = await served.SendAsync(source, "--delivery-key", "monday", "--json");

        Assert.All([first, again, other, none, retried, changed], result => Assert.Equal(0, result.ExitCode));
        Assert.Equal(["a.txt"], SentReceipts.Read(again).Replayed);
        Assert.All([first, other, none, retried, changed], result => Assert.Empty(SentReceipts.Read(result).Replayed));
        Assert.Equal(["a.1.txt", "a.2.txt", "a.3.txt", "a.4.txt", "a.txt"], served.Visible);
    }

    [Fact]
    public async Task A_replayed_receipt_has_the_name_hash_and_level_of_the_first()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        await File.WriteAllTextAsync(served["a.txt"], "in the way", Cancel);
        string source = Path.Combine(served.Sources, "a.txt");
        await File.WriteAllTextAsync(source, "content", Cancel);

        FerryResult first = await served.SendAsync(source, "--delivery-key", "k", "--json");
        FerryResult again = await served.SendAsync(source, "--delivery-key", "k", "--json");

        Assert.Contains("\"name\":\"a.1.txt\"", first.Output, StringComparison.Ordinal);
        Assert.Equal(first.Output.Replace("\"replayed\":false", "\"replayed\":true", StringComparison.Ordinal), again.Output);
    }

    [Fact]
    public async Task Another_users_key_is_another_key()
    {
        Needs.Root();
        Needs.Program("setpriv");
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number", "--allow-user", "12345");
        string source = Path.Combine(served.Sources, "a.txt");
        await File.WriteAllTextAsync(source, "content", Cancel);
        Tool.Run("chmod", "-R", "a+rX", Path.GetDirectoryName(served.Socket)!);

        FerryResult mine = await served.SendAsync(source, "--delivery-key", "k");
        FerryResult theirs = await FerryProcess.RunAsync(new FerryCommand("send", source, "--at", served.Socket, "--delivery-key", "k", "--json")
        {
            Wrapper = ["setpriv", "--reuid", "12345", "--regid", "12345", "--clear-groups"],
        });

        Assert.Equal((0, 0), (mine.ExitCode, theirs.ExitCode));
        Assert.Empty(SentReceipts.Read(theirs).Replayed);
        Assert.Equal(["a.1.txt", "a.txt"], served.Visible);
    }

    private static string MakeTree(string parent)
    {
        string tree = Directory.CreateDirectory(Path.Combine(parent, "tree")).FullName;
        for (int i = 0; i < Files; i++)
        {
            File.WriteAllBytes(Path.Combine(tree, $"file{i}.txt"), RandomNumberGenerator.GetBytes(100 * i));
        }
        File.WriteAllBytes(Path.Combine(tree, "large"), RandomNumberGenerator.GetBytes(500_000));
        return tree;
    }
}
