using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Reliability;

/// <summary>
/// Without a retry a link that fails is a clear error, at whatever byte it fails: what has a receipt is there, what is visible is whole, and the server goes
/// on. The link may also be slow, or pass single bytes: then nothing is wrong.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class FlakyLinkTests
{
    private const FerryErrorCode Lost = FerryErrorCode.ConnectionLost;

    /// <summary>The first greeting of a client has its own length; the server's, with the proof behind it, is shorter than this.</summary>
    private const int Greetings = 300;

    private const int FaultsBeforeSuccess = 3;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<LinkFault, LinkDirection> Cuts => new()
    {
        { LinkFault.Close, LinkDirection.ToServer },
        { LinkFault.Close, LinkDirection.ToClient },
        { LinkFault.Reset, LinkDirection.ToServer },
        { LinkFault.Reset, LinkDirection.ToClient },
    };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory, MemberData(nameof(Cuts))]
    public async Task A_cut_anywhere_in_a_delivery_is_told_and_leaves_nothing_half(LinkFault fault, LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var link = new FlakyLink(served.Socket);
        var parcel = new Parcel(served);
        long total = await MeasureAsync(link, parcel, direction);

        int lost = 0;
        foreach (long cut in ProofSize.Sample(total, sampled: 60))
        {
            link.Fault = (fault, direction, cut);
            string into = $"cut-{cut}";
            parcel.Prepare(into);
            (List<Receipt> receipts, FerryException? failure) = await parcel.DeliverAsync(link.Path, into).WaitAsync(Patience, Cancel);
            Assert.True(failure is null or { Code: Lost, Message.Length: > 20 }, $"after {cut} bytes: {failure?.Code}: {failure?.Message}");
            parcel.AssertHonest(into, receipts);
            lost += failure is null ? 0 : 1;
        }

        // All but those that cut off a goodbye.
        Assert.True(lost > 0.9 * ProofSize.Sample(total, sampled: 60).Count(), $"{lost} were told");
        await AssertGoesOnAsync(served, parcel);
    }

    /// <summary>The server numbers what exists already, so whatever is stored twice shows.</summary>
    [Theory, MemberData(nameof(Cuts))]
    public async Task With_retries_everything_arrives_once_wherever_the_link_is_cut(LinkFault fault, LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        await using var link = new FlakyLink(served.Socket);
        var parcel = new Parcel(served);
        long total = await MeasureAsync(link, parcel, direction);

        foreach (long cut in ProofSize.Sample(total, sampled: 40))
        {
            link.Fault = (fault, direction, cut);
            link.MostFaults = link.Connections + FaultsBeforeSuccess;
            string into = $"cut-{cut}";
            var options = new FerryClientOptions { Retries = 20, Time = new QuickTime() };
            (List<Receipt> receipts, FerryException? failure) = await parcel.DeliverAsync(link.Path, into, options, streams: false).WaitAsync(Patience, Cancel);
            Assert.True(failure is null, $"after {cut} bytes: {failure}");
            Assert.All(receipts, receipt => Assert.True(receipt.Result == ReceiptResult.Stored, $"after {cut} bytes: {receipt}"));
            Assert.Distinct(receipts.Select(receipt => receipt.Name));
            parcel.AssertArrived(into, streamed: false);
        }

        await AssertGoesOnAsync(served, parcel);
    }

    [Theory, MemberData(nameof(Cuts))]
    public async Task A_cut_at_every_byte_of_preface_and_greeting_is_told(LinkFault fault, LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var link = new FlakyLink(served.Socket);

        for (int cut = 0; cut < Greetings; cut++)
        {
            link.Fault = (fault, direction, cut);
            FerryException? failure = await GreetAsync(link).WaitAsync(Patience, Cancel);
            Assert.True(failure is null or { Code: Lost }, $"after {cut} bytes: {failure}");
            if (failure is null)
            {
                // The greetings are over: at least a preface and a header each were cut in every place.
                Assert.True(cut > Preface.Bytes.Length + FrameHeader.Size, $"greeted with {cut} bytes");
                break;
            }
        }

        await AssertGoesOnAsync(served, new Parcel(served));
    }

    [Theory, MemberData(nameof(Cuts))]
    public async Task The_command_ends_with_five_when_the_link_is_cut(LinkFault fault, LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var link = new FlakyLink(served.Socket);
        var parcel = new Parcel(served);
        Assert.Equal(0, (await SendAsync("whole")).ExitCode);
        long total = await link.LastCarriedAsync(direction);

        // Before the goodbye, which takes nine bytes.
        foreach (long cut in ProofSize.Sample(total - 9, sampled: 6, most: 100))
        {
            link.Fault = (fault, direction, cut);
            string into = $"cut-{cut}";
            parcel.Prepare(into);
            FerryResult result = await SendAsync(into);
            Assert.True(result.ExitCode == 5, $"after {cut} bytes: {result}");
            Assert.StartsWith("ferry: ", result.Errors, StringComparison.Ordinal);
            parcel.AssertHonest(into, result);
        }

        await AssertGoesOnAsync(served, parcel);

        Task<FerryResult> SendAsync(string into) => FerryProcess.RunAsync("send", parcel.Tree, "--into", into, "--at", link.Path, "--json");
    }

    [Theory]
    [InlineData(LinkDirection.ToServer)]
    [InlineData(LinkDirection.ToClient)]
    public async Task A_stall_anywhere_ends_on_both_sides_after_the_stall_time(LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--stall-timeout", "2s");
        await using var link = new FlakyLink(served.Socket);
        var parcel = new Parcel(served);
        var options = new FerryClientOptions { StallTimeout = TimeSpan.FromSeconds(2) };
        long total = await MeasureAsync(link, parcel, direction);

        await Parallel.ForEachAsync(ProofSize.Sample(total - 9, sampled: 20, most: 400), new ParallelOptions { MaxDegreeOfParallelism = 20 }, async (stall, _) =>
        {
            await using var own = new FlakyLink(served.Socket) { Fault = (LinkFault.Stall, direction, stall) };
            string into = $"stall-{stall}";
            parcel.Prepare(into);
            (List<Receipt> receipts, FerryException? failure) = await parcel.DeliverAsync(own.Path, into, options).WaitAsync(Patience, Cancel);
            if (failure is null)
            {
                // Signs of life made the measured delivery longer than this one.
                parcel.AssertArrived(into, streamed: true);
                return;
            }
            Assert.True(failure is { Code: FerryErrorCode.Stalled or Lost }, $"after {stall} bytes: {failure?.Code}: {failure?.Message}");
            parcel.AssertHonest(into, receipts);
        });

        await AssertGoesOnAsync(served, parcel);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(3, 0)]
    [InlineData(2000, 3)]
    public async Task Pieces_of_any_size_at_any_pace_arrive_whole(int piece, int milliseconds)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var link = new FlakyLink(served.Socket) { PieceSize = piece, Delay = TimeSpan.FromMilliseconds(milliseconds) };
        var parcel = new Parcel(served);
        byte[] large = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 31))];
        string file = Path.Combine(served.Sources, "large");
        await File.WriteAllBytesAsync(file, large, Cancel);

        (_, FerryException? failure) = await parcel.DeliverAsync(link.Path, "into").WaitAsync(Patience, Cancel);
        FerryResult result = await FerryProcess.RunAsync("send", file, "--at", link.Path);

        Assert.Null(failure);
        Assert.True(result.ExitCode == 0, result.ToString());
        parcel.AssertArrived("into", streamed: true);
        Assert.Equal(large, await File.ReadAllBytesAsync(served["large"], Cancel));
    }

    [Theory, MemberData(nameof(Cuts))]
    public async Task A_cut_anywhere_in_a_plain_delivery_is_told_unless_every_piece_was_answered(LinkFault fault, LinkDirection direction)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await using var link = new FlakyLink(served.Socket);
        byte[] content = [.. Enumerable.Range(0, 3000).Select(i => (byte)i)];
        await DeliverAsync("whole");
        long total = await link.LastCarriedAsync(direction);

        foreach (long cut in ProofSize.Sample(total, sampled: 40))
        {
            link.Fault = (fault, direction, cut);
            string name = $"cut-{cut}";
            (Receipt? receipt, FerryException? failure) = await DeliverAsync(name).WaitAsync(Patience, Cancel);
            Assert.True(receipt is not null || failure is { Code: Lost }, $"after {cut} bytes: {failure?.Code}: {failure?.Message}");
            if (receipt is { Result: ReceiptResult.Stored })
            {
                Assert.Equal(content, await File.ReadAllBytesAsync(served[name], Cancel));
            }
        }

        await served.WaitForEmptyStagingAsync();
        Assert.DoesNotContain("internal", served.Server.Log, StringComparison.OrdinalIgnoreCase);

        async Task<(Receipt?, FerryException?)> DeliverAsync(string name)
        {
            try
            {
                return (await PlainClient.SendAsync($"plain:{link.Path}", new MemoryStream(content), name), null);
            }
            catch (FerryException e)
            {
                return (null, e);
            }
        }
    }

    private static async Task<FerryException?> GreetAsync(FlakyLink link)
    {
        try
        {
            await using FerryClient client = await FerryClient.ConnectAsync(link.Path);
            return null;
        }
        catch (FerryException e)
        {
            return e;
        }
    }

    /// <summary>Delivers once without a fault.</summary>
    /// <returns>How many bytes that took.</returns>
    private static async Task<long> MeasureAsync(FlakyLink link, Parcel parcel, LinkDirection direction)
    {
        (_, FerryException? failure) = await parcel.DeliverAsync(link.Path, "whole").WaitAsync(Patience, Cancel);
        Assert.Null(failure);
        parcel.AssertArrived("whole", streamed: true);
        return await link.LastCarriedAsync(direction);
    }

    /// <summary>After all of that the server stores what comes, has nothing left over, and never had a fault of its own.</summary>
    private static async Task AssertGoesOnAsync(ServedDirectory served, Parcel parcel)
    {
        (_, FerryException? failure) = await parcel.DeliverAsync(served.Socket, "afterwards").WaitAsync(Patience, Cancel);
        Assert.Null(failure);
        parcel.AssertArrived("afterwards", streamed: true);
        await served.WaitForEmptyStagingAsync();
        Assert.DoesNotContain("internal", served.Server.Log, StringComparison.OrdinalIgnoreCase);
    }
}
