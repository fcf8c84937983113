using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

[Trait("Category", "EndToEnd")]
public sealed class StreamSourceTests
{
    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(3_000_000)]
    public async Task A_FIFO_is_read_to_its_end(int size)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using var directory = new TestDirectory();
        Tool.Run("mkfifo", directory["fifo"]);
        byte[] content = new byte[size];
        Random.Shared.NextBytes(content);

        Task<FerryResult> sending = FerryProcess.RunAsync("send", directory["fifo"], "--as", "stored", "--at", served.Socket);
        await File.WriteAllBytesAsync(directory["fifo"], content, TestContext.Current.CancellationToken);
        FerryResult result = await sending;

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal(content, await File.ReadAllBytesAsync(served["stored"], TestContext.Current.CancellationToken));
    }
}
