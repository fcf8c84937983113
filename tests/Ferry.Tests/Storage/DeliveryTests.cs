using Ferry.Server.Storage;
using Xunit;

namespace Ferry.Tests.Storage;

public sealed class DeliveryTests : IDisposable
{
    private readonly StoreFixture store = new();

    public void Dispose() => store.Dispose();

    [Fact]
    public void A_file_is_visible_only_once_it_is_committed()
    {
        using IncomingFile file = store.Delivery.CreateFile("a/b/file", new FileExpectation(10, new EntryMetadata(0x1A0, new FileTime(1_000_000_000, 5)), Durability.Received));
        file.Write("01234"u8);
        file.Write("56789"u8);
        Assert.Empty(Directory.GetFileSystemEntries(store["a/b"]));

        (FerryPath name, Durability level) = file.Commit();

        Assert.Equal("a/b/file", name.ToString());
        Assert.Equal(Durability.Received, level);
        Assert.Equal("0123456789", File.ReadAllText(store["a/b/file"]));
        Assert.Equal((UnixFileMode)0x1A0, File.GetUnixFileMode(store["a/b/file"]));
        Assert.Equal(DateTime.UnixEpoch.AddSeconds(1_000_000_000), File.GetLastWriteTimeUtc(store["a/b/file"]));
    }

    [Fact]
    public void A_file_that_is_not_committed_leaves_nothing()
    {
        using (IncomingFile file = store.Delivery.CreateFile("file", Sized(null)))
        {
            file.Write("half"u8);
        }
        store.Delivery.Dispose();

        Assert.Empty(store.Visible);
        Assert.Empty(store.Staged);
    }

    [Fact]
    public void A_delivery_that_ends_early_removes_the_files_still_open()
    {
        store.Delivery.CreateFile("one", Sized(null)).Write("1"u8);
        store.Delivery.CreateFile("two", Sized(100)).Write("2"u8);

        store.Delivery.Dispose();

        Assert.Empty(store.Visible);
        Assert.Empty(store.Staged);
    }

    [Theory]
    [InlineData(4)]
    [InlineData(6)]
    public void A_file_of_another_size_than_announced_is_never_published(int announced)
    {
        using IncomingFile file = store.Delivery.CreateFile("file", Sized(announced));

        var error = Assert.Throws<FerryException>(() =>
        {
            file.Write("12345"u8);
            file.Commit();
        });

        Assert.Equal(FerryErrorCode.SizeMismatch, error.Code);
        Assert.Empty(store.Visible);
    }

    [Fact]
    public void A_file_larger_than_the_limit_is_refused_before_its_content_or_where_it_passes_the_limit()
    {
        using var limited = new StoreFixture(options => options.MaxFileSize = 10);

        Assert.Equal(FerryErrorCode.TooLarge, Assert.Throws<FerryException>(() => limited.Delivery.CreateFile("big", Sized(11))).Code);
        using IncomingFile file = limited.Delivery.CreateFile("grows", Sized(null));
        file.Write("0123456789"u8);
        Assert.Equal(FerryErrorCode.TooLarge, Assert.Throws<FerryException>(() => file.Write("0"u8)).Code);
    }

    [Fact]
    public void A_directory_that_nobody_may_write_is_filled_first_and_gets_its_mode_and_time_at_the_end()
    {
        store.Delivery.CreateDirectory("d");
        store.Send("d/file");
        store.Delivery.CompleteDirectory("d", new EntryMetadata(0x16D, new FileTime(1_000_000_000, 0)));

        Assert.Equal((UnixFileMode)0x16D, File.GetUnixFileMode(store["d"]));
        Assert.Equal(DateTime.UnixEpoch.AddSeconds(1_000_000_000), Directory.GetLastWriteTimeUtc(store["d"]));
        Assert.True(File.Exists(store["d/file"]));
    }

    [Fact]
    public void A_directory_that_existed_keeps_its_mode_and_time()
    {
        Directory.CreateDirectory(store["d"], (UnixFileMode)0x1C0);
        Directory.SetLastWriteTimeUtc(store["d"], DateTime.UnixEpoch.AddSeconds(5));

        store.Delivery.CreateDirectory("d");
        store.Delivery.CompleteDirectory("d", new EntryMetadata(0x16D, new FileTime(1_000_000_000, 0)));

        Assert.Equal((UnixFileMode)0x1C0, File.GetUnixFileMode(store["d"]));
        Assert.Equal(DateTime.UnixEpoch.AddSeconds(5), Directory.GetLastWriteTimeUtc(store["d"]));
    }

    [Fact]
    public void Modes_arrive_without_setuid_and_setgid()
    {
        store.Send("file", metadata: new EntryMetadata(0xFFF, null));
        store.Delivery.CreateDirectory("d");
        store.Delivery.CompleteDirectory("d", new EntryMetadata(0xFFF, null));

        Assert.Equal((UnixFileMode)0x3FF, File.GetUnixFileMode(store["file"]));
        Assert.Equal((UnixFileMode)0x3FF, File.GetUnixFileMode(store["d"]));
    }

    [Fact]
    public void A_file_over_a_directory_and_a_directory_over_a_file_are_refused()
    {
        Directory.CreateDirectory(store["d"]);
        File.WriteAllText(store["f"], "");

        Assert.Equal(FerryErrorCode.IsDirectory, Assert.Throws<FerryException>(() => store.Send("d")).Code);
        Assert.Equal(FerryErrorCode.NotDirectory, Assert.Throws<FerryException>(() => store.Delivery.CreateDirectory("f")).Code);
        Assert.Equal(FerryErrorCode.NotDirectory, Assert.Throws<FerryException>(() => store.Send("f/below")).Code);
    }

    [Fact]
    public void A_directory_removed_in_the_middle_of_a_delivery_is_made_again()
    {
        store.Send("d/one");
        using IncomingFile two = store.Delivery.CreateFile("d/two", new FileExpectation(0, default, Durability.Durable));
        Directory.Delete(store["d"], recursive: true);

        two.Commit();

        Assert.True(File.Exists(store["d/two"]));
    }

    private static FileExpectation Sized(long? size) => new(size, default, Durability.Received);
}
