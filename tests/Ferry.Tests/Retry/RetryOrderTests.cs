using System.Security.Cryptography;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>The order of a server's calls for a delivery with a key (docs/storage.md, "Deliveries with a key"), and what one without costs.</summary>
[Trait("Category", "EndToEnd")]
public sealed class RetryOrderTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Few files, each flushed by itself; many, flushed together; and a file system where only the one is known to work.</summary>
    [Theory]
    [InlineData("ext4", 1)]
    [InlineData("ext4", 5)]
    [InlineData("ext4", 40)]
    [InlineData("xfs", 40)]
    [InlineData("overlay", 40)]
    public async Task What_is_about_to_be_published_is_on_the_device_before_it_is(string type, int files)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper);
        string tree = MakeTree(served.Sources, files);

        FerryResult sent = await served.SendAsync(tree, "--retry", "1", "--json");
        await served.Server.StopAsync();

        Assert.True(sent.ExitCode == 0, sent.ToString());
        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        TracedCall[] written = [.. calls.Where(call => call.Name == "pwrite64" && call.Path == served[".ferry/journal/0"])];
        TracedCall[] published = [.. calls.Where(call => call is { Name: "renameat2", Succeeded: true } && call.NamedPath(1).StartsWith(served["tree/"], StringComparison.Ordinal))];
        Assert.Equal(files, published.Length);
        foreach (TracedCall rename in published)
        {
            // The intent has the name of the file; the record of what became of it has not.
            TracedCall intent = written.Single(call => Contains(call.Strings[0], $"tree/{Path.GetFileName(rename.NamedPath(1))}\""));
            Assert.Contains(calls, call => call.Value == 0 && call.Began > intent.Ended && call.Ended < rename.Began
                && (call.Name == "fsync" ? call.Path == intent.Path : call.Name == "syncfs" && type is not "overlay"));
        }
        // A batch is written with one call before, and one after.
        Assert.InRange(written.Length, 2, 2 + 2 * (files / 8 + 3));
        var order = new StoringOrder(calls, disk.Path, served.Root, wholeFlushes: type is not "overlay");
        Assert.All(TracedReceipt.Read(calls), order.AssertDurable);
    }

    [Fact]
    public async Task A_delivery_without_a_key_does_not_touch_the_journal()
    {
        using var directory = new TestDirectory();
        using Strace strace = StoringOrder.Tracer();
        await using ServedDirectory served = await ServedDirectory.StartAsync(directory["root"], strace.Wrapper);

        await served.SendAsync(MakeTree(served.Sources, 20));
        await PlainPeer.DeliverAsync(served.Socket, "plain", [1]);
        await served.Server.StopAsync();

        Assert.Empty(Directory.EnumerateFileSystemEntries(served[".ferry/journal"]));
        Assert.DoesNotContain(TracedCall.Parse(strace.Calls), call => call.Opened?.Contains("/.ferry/journal/", StringComparison.Ordinal) == true);
    }

    /// <summary>With so small a heap there is no room for a list of what was sent, though each file might have to be sent again.</summary>
    [Fact]
    public async Task A_clients_memory_does_not_grow_with_what_it_sends()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--durability", "received");
        string tree = MakeTree(served.Sources, 20_000, new string('n', 200));

        FerryResult sent = await FerryProcess.RunAsync(new FerryCommand("send", tree, "--as", "tree", "--at", served.Socket, "--retry", "3")
        {
            Environment = new() { ["DOTNET_GCHeapHardLimit"] = "0x1000000" },
        });

        Assert.True(sent.ExitCode == 0, sent.ToString());
        Assert.Contains("stored 20000 files", sent.Errors, StringComparison.Ordinal);
    }

    private static bool Contains(byte[] bytes, string text)
    {
        byte[] name = System.Text.Encoding.UTF8.GetBytes(text.TrimEnd('"'));
        int at = bytes.AsSpan().IndexOf(name);
        // f1 is also the beginning of f10.
        while (at >= 0 && at + name.Length < bytes.Length && char.IsAsciiDigit((char)bytes[at + name.Length]))
        {
            int next = bytes.AsSpan(at + 1).IndexOf(name);
            at = next < 0 ? -1 : at + 1 + next;
        }
        return at >= 0;
    }

    private static string MakeTree(string parent, int files, string prefix = "f")
    {
        string tree = Directory.CreateDirectory(Path.Combine(parent, "tree")).FullName;
        byte[] content = RandomNumberGenerator.GetBytes(100);
        for (int i = 0; i < files; i++)
        {
            File.WriteAllBytes(Path.Combine(tree, $"{prefix}{i}"), content);
        }
        return tree;
    }
}
