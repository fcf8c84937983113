using Xunit;

namespace Ferry.Tests.Support;

/// <summary>
/// Holds a server's calls against docs/storage.md: what a file is made of is flushed before it is published, its directory and those above it after
/// that, and its receipt is sent last. A flush may be fsync of the one file, or syncfs for many, where that flushes.
/// </summary>
/// <param name="calls">What the server did.</param>
/// <param name="fileSystem">Where the file system is mounted.</param>
/// <param name="root">The served directory.</param>
/// <param name="wholeFlushes">Whether syncfs counts on this file system.</param>
internal sealed class StoringOrder(IReadOnlyList<TracedCall> calls, string fileSystem, string root, bool wholeFlushes)
{
    public const string Calls = "trace=openat,openat2,mkdirat,pwrite64,write,pwritev,copy_file_range,ioctl,fallocate,ftruncate,fchmod,fchown,utimensat,"
        + "fsync,fdatasync,syncfs,renameat,renameat2,linkat,accept4,sendto,sendmsg,recvfrom,recvmsg";

    private static readonly string[] Changes = ["pwrite64", "write", "pwritev", "copy_file_range", "ioctl", "fallocate", "ftruncate", "fchmod", "fchown", "utimensat"];
    private static readonly string[] Publishing = ["renameat", "renameat2", "linkat"];

    /// <summary>A tracer whose output this type understands.</summary>
    public static Strace Tracer(params string[] more) => new(["-y", "-x", "-s", "1000000", "--seccomp-bpf", "-e", Calls, .. more]);

    public void AssertDurable(TracedReceipt receipt)
    {
        Assert.Equal((ReceiptResult.Stored, Durability.Durable), (receipt.Result, receipt.Level));
        string path = Path.Combine(root, receipt.Name);
        if (receipt.Kind == EntryKind.File)
        {
            TracedCall published = AssertFlushedBeforePublishing(receipt);
            AssertFlushed(Path.GetDirectoryName(path)!, published, receipt);
        }
        else if (calls.LastOrDefault(call => call.Succeeded && call.Path == path && Changes.Contains(call.Name) && call.Ended < receipt.Sent.Began) is { } last)
        {
            AssertFlushed(path, last, receipt);
        }
        for (string directory = path; directory != root; directory = Path.GetDirectoryName(directory)!)
        {
            // A directory that was there before may be new all the same: it is flushed once in the connection.
            TracedCall since = calls.LastOrDefault(call => call is { Name: "mkdirat", Succeeded: true } && call.NamedPath(0) == directory) ?? receipt.Accepted;
            AssertFlushed(Path.GetDirectoryName(directory)!, since, receipt);
        }
    }

    /// <returns>The call that published it.</returns>
    public TracedCall AssertFlushedBeforePublishing(TracedReceipt receipt)
    {
        string path = Path.Combine(root, receipt.Name);
        TracedCall published = calls.Last(call => call.Succeeded && Publishing.Contains(call.Name) && call.NamedPath(1) == path && call.Ended < receipt.Sent.Began);
        string staged = published.NamedPath(0);
        TracedCall created = calls.First(call => call.Opened == staged);
        TracedCall[] changes = [.. calls.Where(call => call.Succeeded && call.Path == staged && Changes.Contains(call.Name))];
        TracedCall last = changes.MaxBy(call => call.Ended) ?? created;
        Assert.True(last.Ended < published.Began, $"{receipt.Name} is published before it is complete: {last}");
        Assert.DoesNotContain(calls, call => call.Path == path && Changes.Contains(call.Name) && call.Began > published.Began);
        Assert.True(IsFlushed(staged, created, last.Ended, published.Began), $"{receipt.Name} is not flushed between {last} and {published}");
        return published;
    }

    /// <summary>A write-back error is told once for each descriptor: two flushers on one descriptor could take each other's.</summary>
    public void AssertNoFlushOverlaps()
    {
        TracedCall[] flushes = [.. calls.Where(call => call.Name == "syncfs")];
        Assert.DoesNotContain(flushes, one => flushes.Any(other => other != one && other.Descriptors[0] == one.Descriptors[0] && other.Began >= one.Began && other.Began < one.Ended));
    }

    private void AssertFlushed(string directory, TracedCall since, TracedReceipt receipt) =>
        Assert.True(IsFlushed(directory, since, since.Ended, receipt.Sent.Began), $"{directory} is not flushed between {since} and the receipt for {receipt.Name}");

    /// <param name="path">A file or directory.</param>
    /// <param name="change">The first call on it that counts: syncfs tells of errors since its descriptor was opened, so that must be older.</param>
    /// <param name="after">The flush begins after this.</param>
    /// <param name="before">And ends before this.</param>
    private bool IsFlushed(string path, TracedCall change, int after, int before) => calls.Any(call =>
        call is { Value: 0 } && call.Began > after && call.Ended < before
        && (call.Name == "fsync" ? call.Path == path : call.Name == "syncfs" && wholeFlushes && CanTellErrorsSince(change, call))
        && !HasFailedBetween(call, call.Name == "fsync" ? after : change.Began));

    /// <summary>An error is told once: after a failure the same flush succeeds without what was lost.</summary>
    private bool HasFailedBetween(TracedCall flush, int since) => calls.Any(call =>
        call.Name == flush.Name && call.Value < 0 && call.Ended > since && call.Began < flush.Began && call.Descriptors[0].Path == flush.Descriptors[0].Path);

    private bool CanTellErrorsSince(TracedCall change, TracedCall flush)
    {
        (string descriptor, string path) = flush.Descriptors[0];
        TracedCall? opened = calls.LastOrDefault(call => call.Ended < flush.Began && call.Opened == path && call.Result.StartsWith(descriptor + "<", StringComparison.Ordinal));
        return opened is not null && opened.Ended < change.Ended && (path + "/").StartsWith(fileSystem + "/", StringComparison.Ordinal);
    }
}
