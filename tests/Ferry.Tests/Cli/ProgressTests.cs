using Ferry.Cli.Output;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

public sealed class ProgressTests
{
    [Theory]
    [InlineData(50_000_000, 200_000_000, 3, 9, 1, "50.0 MB of 200 MB sent, 50.0 MB/s, 0:00:03 left, 3 of 9 entries done")]
    [InlineData(0, 200_000_000, 0, 9, 1, "0 B of 200 MB sent, 0 B/s, 0 of 9 entries done")]
    [InlineData(8_000_000_000, 0, 0, 1, 10, "8.0 GB sent, 800 MB/s, 0 of 1 entries done")]
    [InlineData(1_000, 3_600_001_000, 0, 1, 1, "1.0 KB of 3.6 GB sent, 1.0 KB/s, 0 of 1 entries done")]
    public void It_says_bytes_rate_time_left_and_entries(long sent, long found, long done, long entries, int seconds, string text) =>
        Assert.Equal(text, ProgressDisplay.Describe(new TransferProgress(sent, found, done, entries), TimeSpan.FromSeconds(seconds)));

    /// <summary>A terminal shows a bar, which is gone at the end; a line that has to stay goes above it, whole.</summary>
    [Theory]
    [Trait("Category", "EndToEnd")]
    [InlineData(null)]
    [InlineData("1")]
    public async Task On_a_terminal_there_is_a_bar_and_NO_COLOR_takes_its_colours(string? noColor)
    {
        Needs.Program("script");
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-file-size", "4G");
        string name = new('n', 200);
        string command = string.Join(' ', [.. FerryCommand.UnderTest, "send", "/dev/zero", "--as", name, "--at", served.Socket, "--no-descriptors"]);

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("-qec", command, "/dev/null")
        {
            Program = ["script"],
            Environment = { ["NO_COLOR"] = noColor, ["TERM"] = "xterm-256color" },
        });

        string bar = result.Output[..result.Output.LastIndexOf("ferry: ", StringComparison.Ordinal)];
        Assert.Matches(@"GB sent, [\d.]+ [MG]B/s, 0 of 1 entries done", bar);
        Assert.Equal(noColor is null, bar.Contains("\u001b[38;5;", StringComparison.Ordinal));
        Assert.Contains($"ferry: refused: {name} is larger than the 4294967296 bytes that this server accepts\r\n", result.Output, StringComparison.Ordinal);
    }
}
