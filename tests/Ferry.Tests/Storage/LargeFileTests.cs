using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>Sizes that do not fit into 32 bits. The source is a hole with a few bytes at its end.</summary>
[Trait("Category", "EndToEnd")]
public sealed class LargeFileTests
{
    private const long Size = (4L << 30) + 5;

    [Theory]
    [InlineData("streamed", "--no-descriptors")]
    [InlineData("copied", "--json")]
    public async Task A_file_of_four_gibibytes_arrives_in_memory(string how, string option)
    {
        Needs.NativeBinary("takes half a minute with the ordinary build");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = MakeSource(served.Sources);

        await AssertArrivesAsync(served, source, how, option);
        Assert.True(Tool.Succeeds("cmp", source, served["large"]));
    }

    [Fact]
    public async Task A_file_of_four_gibibytes_is_cloned()
    {
        using TinyFileSystem disk = TinyFileSystem.Image("xfs", 6_000);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);

        await AssertArrivesAsync(served, MakeSource(disk.Path), "cloned", "--json");
    }

    private static async Task AssertArrivesAsync(ServedDirectory served, string source, string how, string option)
    {
        FerryResult result = await served.SendAsync(source, "--json", option);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains($"\"size\":{Size},", result.Output, StringComparison.Ordinal);
        Assert.Contains($"\"how\":\"{how}\"", result.Output, StringComparison.Ordinal);
        using FileStream stored = File.OpenRead(served["large"]);
        Assert.Equal(Size, stored.Length);
        stored.Position = Size - 3;
        Assert.Equal("end", await new StreamReader(stored).ReadToEndAsync(TestContext.Current.CancellationToken));
    }

    private static string MakeSource(string directory)
    {
        string source = Path.Combine(directory, "large");
        using FileStream file = File.Create(source);
        file.Position = Size - 3;
        file.Write("end"u8);
        return source;
    }
}
