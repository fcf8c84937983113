using Ferry.Cli.Arguments;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>Sizes and times as people write them.</summary>
public sealed class NotationTests
{
    [Theory]
    [InlineData("1", 1L)]
    [InlineData("1B", 1L)]
    [InlineData("1K", 1024L)]
    [InlineData("1KB", 1000L)]
    [InlineData("64M", 67_108_864L)]
    [InlineData("64MB", 64_000_000L)]
    [InlineData("2G", 2_147_483_648L)]
    [InlineData("2GB", 2_000_000_000L)]
    [InlineData("1.5K", 1536L)]
    [InlineData("none", null)]
    public void Sizes_are_powers_of_1024_and_with_a_B_of_1000(string text, long? bytes)
    {
        Assert.True(ByteSize.TryParse(text, out long? parsed));
        Assert.Equal(bytes, parsed);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("0K")]
    [InlineData("")]
    [InlineData("-1")]
    [InlineData("K")]
    [InlineData("1k")]
    [InlineData("1 K")]
    [InlineData("1KiB")]
    [InlineData("None")]
    [InlineData("9000000000G")]
    public void What_is_no_size_or_nothing_is_no_size(string text) => Assert.False(ByteSize.TryParse(text, out _));

    [Theory]
    [InlineData("500ms", 500)]
    [InlineData("30s", 30_000)]
    [InlineData("5m", 300_000)]
    [InlineData("24h", 86_400_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("0s", 0)]
    [InlineData("none", -1)]
    public void Times_have_a_unit(string text, int milliseconds)
    {
        Assert.True(Duration.TryParse(text, out TimeSpan time));
        Assert.Equal(milliseconds, time.TotalMilliseconds);
    }

    [Theory]
    [InlineData("0")]
    [InlineData("30")]
    [InlineData("s")]
    [InlineData("-1s")]
    [InlineData("1 s")]
    [InlineData("1d")]
    [InlineData("600h")]
    public void What_has_no_unit_or_is_too_long_is_no_time(string text) => Assert.False(Duration.TryParse(text, out _));
}
