using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>Who is promised which space (invariant 7).</summary>
[Trait("Category", "EndToEnd")]
public sealed class SpaceTests
{
    private const int Kilobyte = 1 << 10, Megabyte = 1 << 20;

    [Theory]
    [InlineData("12M", 3_500, 4_500)]
    [InlineData("none", 16_000, 16_500)]
    [InlineData(null, 15_300, 15_800)]
    public async Task The_reserve_stays_free(string? reserve, int fits, int exceeds)
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("16m");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], reserve is null ? [] : ["--reserve-free", reserve]);
        string source = served.Sources + "/source";

        Assert.Equal(7, (await SendAsync(exceeds)).ExitCode);
        Assert.StartsWith("Refused no-space: no space for plain: ", await PlainPeer.DeliverAsync(served.Socket, "plain", new byte[exceeds * Kilobyte]), StringComparison.Ordinal);
        Assert.Empty(served.Visible);
        await served.WaitForEmptyStagingAsync();
        Assert.StartsWith("Stored ", await PlainPeer.DeliverAsync(served.Socket, "file", new byte[fits * Kilobyte]), StringComparison.Ordinal);
        File.Delete(served["file"]);
        Assert.Equal(0, (await SendAsync(fits)).ExitCode);
        FerryResult more = await SendAsync(exceeds - fits, "--as", "more");
        Assert.Equal(7, more.ExitCode);
        Assert.Contains("make room or lower --reserve-free", more.Errors, StringComparison.Ordinal);

        Task<FerryResult> SendAsync(int kilobytes, params FerryPath[] options)
        {
            File.WriteAllBytes(source, new byte[kilobytes * Kilobyte]);
            return served.SendAsync([source, .. options]);
        }
    }

    [Fact]
    public async Task Two_deliveries_are_never_promised_the_same_space()
    {
        using TinyFileSystem disk = TinyFileSystem.Tmpfs("16m");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--reserve-free", "none");
        await using var otherStream = served.Connect();
        using var other = new ScriptedPeer(otherStream);
        await other.GreetFirstAsync();
        await using (var stream = served.Connect())
        {
            using var first = new ScriptedPeer(stream);
            await first.GreetFirstAsync();
            await first.OfferAsync(1, "first", 10 * Megabyte);
            await first.ReadAsync(FrameType.Go);

            await other.OfferAsync(1, "other", 10 * Megabyte);
            Assert.Equal(FerryErrorCode.NoSpace, (await other.ReadReceiptAsync()).Code);
            await other.OfferAsync(2, "small", 5 * Megabyte);
            await other.ReadAsync(FrameType.Go);
        }
        await served.Server.WaitForLogAsync("Delivery failed");

        await other.OfferAsync(3, "again", 10 * Megabyte);
        await other.ReadAsync(FrameType.Go);
    }
}
