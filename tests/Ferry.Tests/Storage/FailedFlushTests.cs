using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>The kernel reports a lost page once. What that flush was for is never called durable, however often it is flushed again (invariant 2).</summary>
[Trait("Category", "EndToEnd")]
public sealed class FailedFlushTests
{
    /// <summary>Many files share a flush of the whole file system, of content first and then of names; few are flushed one by one.</summary>
    [Theory]
    [InlineData(20, 1)]
    [InlineData(20, 2)]
    [InlineData(5, 1)]
    [InlineData(5, 3)]
    [InlineData(5, 6)]
    public async Task What_a_failed_flush_was_for_is_never_durable_and_the_rest_is(int files, int failing)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        using Strace strace = StoringOrder.Tracer("-e", $"inject=fsync,syncfs:error=EIO:when={failing}");
        Directory.CreateDirectory(disk["root/tree"]);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], strace.Wrapper);
        for (int i = 0; i < files; i++)
        {
            await File.WriteAllTextAsync(Path.Combine(Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName, $"file{i}"), "content", TestContext.Current.CancellationToken);
        }

        FerryResult result = await served.SendAsync(served.Sources + "/tree", "--json");
        string later = await PlainPeer.DeliverWhenStoredAsync(served.Socket, "later", [1]);
        await served.WaitForEmptyStagingAsync();
        await served.Server.StopAsync();

        Assert.Equal(8, result.ExitCode);
        Assert.Contains("\"code\":\"storage-error\"", result.Output, StringComparison.Ordinal);
        Assert.StartsWith("Stored ", later, StringComparison.Ordinal);
        List<TracedCall> calls = TracedCall.Parse(strace.Calls);
        TracedCall[] failed = [.. calls.Where(call => call.Result.EndsWith("(INJECTED)", StringComparison.Ordinal))];
        Assert.NotEmpty(failed);
        Assert.All(failed, flush => AssertTheEndOfIt(flush, calls));
        var order = new StoringOrder(calls, disk.Path, served.Root, wholeFlushes: true);
        Assert.All(TracedReceipt.Read(calls).Where(receipt => receipt.Result == ReceiptResult.Stored), order.AssertDurable);
    }

    /// <summary>The name of a new directory is in the one above, and so is in doubt, when that could not be flushed; at its end that would be flushed again.</summary>
    [Fact]
    public async Task A_directory_whose_name_could_not_be_flushed_is_not_durable_and_neither_is_what_comes_into_it_later()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        await File.WriteAllTextAsync(Path.Combine(tree, "file"), "content", TestContext.Current.CancellationToken);
        FerryResult result;
        // Of the file, of its directory, of the root.
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=fsync,syncfs", "-e", "inject=fsync,syncfs:error=EIO:when=3"))
        {
            result = await served.SendAsync(tree, "--json");
        }
        FerryResult again = await served.SendAsync(tree, "--json");

        Assert.Equal(8, result.ExitCode);
        Assert.DoesNotContain("\"result\":\"stored\"", result.Output, StringComparison.Ordinal);
        Assert.True(again.ExitCode == 0, again.ToString());
    }

    /// <summary>A file whose content was not flushed is neither flushed again nor published; syncfs was for every file created before it.</summary>
    private static void AssertTheEndOfIt(TracedCall flush, List<TracedCall> calls)
    {
        string[] staged = [.. calls
            .Where(call => call.Arguments.Contains("O_CREAT", StringComparison.Ordinal) && call.Opened is { } file && (flush.Name == "syncfs" || file == flush.Path))
            .Where(call => call.Ended < flush.Began && !calls.Any(publish => publish.Name == "renameat2" && publish.Began < flush.Began && publish.NamedPath(0) == call.Opened))
            .Select(call => call.Opened!)];
        Assert.DoesNotContain(calls, call => call.Began > flush.Ended && call.Name == "fsync" && staged.Contains(call.Path));
        Assert.DoesNotContain(calls, call => call.Began > flush.Ended && call.Name == "renameat2" && staged.Contains(call.NamedPath(0)));
    }
}
