using Xunit;

namespace Ferry.Tests.Support;

/// <summary>The judge itself: which orders of calls it lets pass.</summary>
public sealed class StoringOrderTests
{
    private const string Accept = "1 accept4(3<socket:[1]>, {sa_family=AF_UNIX}, [120 => 2], SOCK_CLOEXEC) = 9<socket:[2]>";
    private const string OpenFlusher = "1 openat2(5</d/root>, \".\", {flags=O_RDONLY}, 24) = 6</d/root>";
    private const string Create = "1 openat2(7</d/root/.ferry/incoming/1>, \"1\", {flags=O_WRONLY|O_CREAT|O_EXCL}, 24) = 8</d/root/.ferry/incoming/1/1>";
    private const string Write = "1 pwrite64(8</d/root/.ferry/incoming/1/1>, \"x\", 1, 0) = 1";
    private const string Fsync = "1 fsync(8</d/root/.ferry/incoming/1/1>) = 0";
    private const string Syncfs = "2 syncfs(6</d/root>) = 0";
    private const string Rename = "1 renameat2(7</d/root/.ferry/incoming/1>, \"1\", 5</d/root>, \"name\", RENAME_NOREPLACE) = 0";
    private const string FsyncRoot = "1 fsync(5</d/root>) = 0";
    private const string Receipt = "1 sendto(9<socket:[2]>, \"x\", 1, 0, NULL, 0) = 1";

    [Theory]
    [InlineData(true, true, Accept, Create, Write, Fsync, Rename, FsyncRoot, Receipt)]
    [InlineData(true, true, OpenFlusher, Accept, Create, Write, Syncfs, Rename, Syncfs, Receipt)]
    [InlineData(false, false, OpenFlusher, Accept, Create, Write, Syncfs, Rename, Syncfs, Receipt)]
    [InlineData(false, true, Accept, Create, Write, OpenFlusher, Syncfs, Rename, FsyncRoot, Receipt)]
    [InlineData(false, true, Accept, Create, Fsync, Write, Rename, FsyncRoot, Receipt)]
    [InlineData(false, true, Accept, Create, Write, Rename, Fsync, FsyncRoot, Receipt)]
    [InlineData(false, true, Accept, Create, Write, Fsync, FsyncRoot, Rename, Receipt)]
    [InlineData(false, true, Accept, Create, Write, Fsync, Rename, Receipt, FsyncRoot)]
    [InlineData(false, true, Accept, Create, Write, Fsync, Rename, Receipt)]
    [InlineData(false, true, Accept, Create, Write, "2 fsync(8</d/root/.ferry/incoming/1/1>) = -1 EIO (Input/output error)", Rename, FsyncRoot, Receipt)]
    [InlineData(false, true, Accept, Create, Write, "2 fsync(8</d/root/.ferry/incoming/1/1> <unfinished ...>", Rename, "2 <... fsync resumed>) = 0", FsyncRoot, Receipt)]
    [InlineData(false, true, Accept, Create, Write, Fsync, Rename, "2 fsync(5</d/root>) = -1 EIO (Input/output error)", FsyncRoot, Receipt)]
    [InlineData(false, true, OpenFlusher, Accept, Create, Write, "2 syncfs(6</d/root>) = -1 EIO (Input/output error)", Syncfs, Rename, Syncfs, Receipt)]
    public void Only_flush_rename_directory_flush_receipt_passes(bool passes, bool wholeFlushes, params string[] lines)
    {
        List<TracedCall> calls = TracedCall.Parse(lines);
        TracedCall Find(string name) => calls.Single(call => call.Name == name);
        var receipt = new TracedReceipt("name", EntryKind.File, ReceiptResult.Stored, Durability.Durable, Find("accept4"), Find("sendto"));

        Exception? failure = Record.Exception(() => new StoringOrder(calls, "/d", "/d/root", wholeFlushes).AssertDurable(receipt));

        Assert.True(passes == failure is null, failure?.Message);
    }

    [Theory]
    [InlineData(true, Syncfs, Syncfs)]
    [InlineData(false, "1 syncfs(6</d/root> <unfinished ...>", Syncfs, "1 <... syncfs resumed>) = 0")]
    public void One_flusher_at_a_time_uses_a_descriptor(bool passes, params string[] lines)
    {
        Exception? failure = Record.Exception(() => new StoringOrder(TracedCall.Parse(lines), "/d", "/d/root", wholeFlushes: true).AssertNoFlushOverlaps());

        Assert.True(passes == failure is null, failure?.Message);
    }
}
