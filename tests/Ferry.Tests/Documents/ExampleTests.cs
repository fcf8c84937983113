using System.Security.Cryptography;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Documents;

/// <summary>The example clients against a real server.</summary>
[Trait("Category", "EndToEnd")]
public sealed class ExampleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Examples => ["send.sh", "send.py"];

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task It_delivers_and_shows_the_last_line(string example)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        byte[] content = RandomNumberGenerator.GetBytes(3_000_000);
        string file = Path.Combine(served.Sources, "some file");
        await File.WriteAllBytesAsync(file, content, Cancel);

        string output = Tool.Run(PathOf(example), served.Socket, file);

        Assert.StartsWith("Stored 3000000 bytes xxh128:", output, StringComparison.Ordinal);
        Assert.Equal(content, await File.ReadAllBytesAsync(served["some file"], Cancel));
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task It_fails_when_the_server_refuses(string example)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-file-size", "1K");
        string file = Path.Combine(served.Sources, "large");
        await File.WriteAllBytesAsync(file, new byte[5_000_000], Cancel);

        Assert.False(Tool.Succeeds(PathOf(example), served.Socket, file));
        Assert.False(Tool.Succeeds(PathOf(example), served.Socket, file, "../up"));
        Assert.Empty(served.Visible);
    }

    [Theory]
    [MemberData(nameof(Examples))]
    public async Task It_fails_without_a_file_or_a_server(string example)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        Assert.False(Tool.Succeeds(PathOf(example), served.Socket, "/nonexistent"));
        Assert.False(Tool.Succeeds(PathOf(example), served.Socket + "-none", "/etc/hostname"));
        Assert.Empty(served.Visible);
    }

    private static string PathOf(string example)
    {
        Needs.Program(example.EndsWith(".py", StringComparison.Ordinal) ? "python3" : "nc");
        return Path.Combine(Repository.Root, "examples", example);
    }
}
