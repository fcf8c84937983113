using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>The server's choice of what happens to a name that exists, through both protocols (invariants 1 and 6).</summary>
[Trait("Category", "EndToEnd")]
public sealed class ExistingNameTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("replace", null, "Stored 3 bytes ", "a.txt", "new")]
    [InlineData("keep", FerryErrorCode.Exists, "Refused exists: ", "a.txt", "old")]
    [InlineData("refuse", FerryErrorCode.Exists, "Refused exists: ", "a.txt", "old")]
    [InlineData("number", null, "Stored 3 bytes ", "a.1.txt a.2.txt a.txt", "old")]
    public async Task An_existing_file_is_treated_as_the_server_says(string policy, FerryErrorCode? code, string line, string names, string content)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", policy);
        await File.WriteAllTextAsync(served["a.txt"], "old", Cancel);

        Assert.Equal(code, await served.DeliverAsync("a.txt", "new"));
        Assert.StartsWith(line, await PlainPeer.DeliverAsync(served.Socket, "a.txt", "new"u8.ToArray()), StringComparison.Ordinal);

        Assert.Equal(names, string.Join(' ', served.Visible));
        Assert.Equal(content, await File.ReadAllTextAsync(served["a.txt"], Cancel));
    }

    [Theory]
    [InlineData("number", 20)]
    [InlineData("refuse", 1)]
    [InlineData("keep", 1)]
    [InlineData("replace", 20)]
    public async Task Of_many_that_bring_one_name_at_once_each_is_stored_whole_or_refused(string policy, int stored)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", policy);

        string[] lines = await Task.WhenAll(Enumerable.Range(0, 20).Select(i => PlainPeer.DeliverAsync(served.Socket, "name", Enumerable.Repeat((byte)('a' + i), 100_000).ToArray())));

        Assert.Equal(stored, lines.Count(line => line.StartsWith("Stored 100000 bytes ", StringComparison.Ordinal)));
        Assert.Equal(policy == "number" ? 20 : 1, served.Visible.Count());
        byte[][] contents = [.. served.Visible.Select(name => File.ReadAllBytes(served[name]))];
        Assert.All(contents, content => Assert.Equal((100_000, 1), (content.Length, content.Distinct().Count())));
        Assert.Equal(contents.Length, contents.Select(content => content[0]).Distinct().Count());
    }

    [Fact]
    public async Task Who_reads_a_name_that_is_replaced_sees_one_content_whole()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await PlainPeer.DeliverAsync(served.Socket, "name", new byte[300_000]);
        using var stop = new CancellationTokenSource();
        Task<int> reading = Task.Run(() =>
        {
            int read = 0;
            while (!stop.IsCancellationRequested)
            {
                byte[] content = File.ReadAllBytes(served["name"]);
                Assert.Equal((300_000, 1), (content.Length, content.Distinct().Count()));
                read++;
            }
            return read;
        }, Cancel);

        for (int i = 1; i < 100; i++)
        {
            Assert.Null(await served.DeliverAsync("name", new string((char)i, 300_000)));
        }
        await stop.CancelAsync();

        Assert.True(await reading > 0);
    }
}
