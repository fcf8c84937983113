using Ferry.Server.Storage;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>What a store knows of the uploads that can be resumed.</summary>
public sealed class PartialsTests
{
    private const int Megabyte = 1 << 20;
    private const uint User = 7;

    /// <summary>Else no file could ever come under that name.</summary>
    [Fact]
    public void A_part_that_cannot_be_read_gives_way_to_a_new_one()
    {
        using var store = new StoreFixture();
        Park(store, "large");
        string record = Assert.Single(Directory.GetFiles(store[".ferry/partials"], "*.record", SearchOption.AllDirectories));
        File.Delete(record);
        Directory.CreateDirectory(record);

        PartialFile anew = Open(store, "large");

        Assert.Equal(0, anew.HeldLength);
        anew.End();
        Assert.Empty(Directory.GetFiles(store[".ferry/partials"], "*", SearchOption.AllDirectories));
    }

    [Fact]
    public void No_descriptor_is_kept_for_a_user_of_whom_nothing_arrives_or_waits()
    {
        using var store = new StoreFixture();
        Park(store, "first");
        PartialFile second = Open(store, "second");
        Assert.Equal(1, OpenFolders(store));

        second.End();
        Assert.Equal(1, OpenFolders(store));
        Open(store, "first").End();

        Assert.Equal(0, OpenFolders(store));
        Park(store, "third");
        Assert.True(store.Store.Partials.MakeRoom(1));
        Assert.Equal(0, OpenFolders(store));
    }

    private static void Park(StoreFixture store, FerryPath name)
    {
        PartialFile file = Open(store, name);
        file.WriteRecord(new FileExpectation(10 * Megabyte, default, Durability.Received) { Algorithm = ContentHash.XxHash }, TimeProvider.System);
        file.Staged.Write(new byte[2 * Megabyte], 0);
        file.Park(2 * Megabyte, null);
    }

    private static PartialFile Open(StoreFixture store, FerryPath name)
    {
        Upload? upload = store.Store.Partials.TryClaim(User, name, new Holder(), out _);
        return store.Store.Partials.Open(Assert.IsType<Upload>(upload));
    }

    private static int OpenFolders(StoreFixture store) =>
        Directory.GetFileSystemEntries("/proc/self/fd").Count(link => new FileInfo(link).LinkTarget == store[$".ferry/partials/{User}"]);

    private sealed class Holder : IUploadHolder
    {
        public bool IsGone => false;

        public void GiveUp(FerryPath name) => throw new InvalidOperationException("nobody else comes for it");
    }
}
