using Ferry.Files;
using Ferry.Server.Storage;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>How long a directory with a key waits for its delivery to go on.</summary>
public sealed class WaitingTreesTests : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly JournalTests.SettableTime time = new();

    /// <summary>What is in it may have arrived an hour ago; the directory itself changes only when something comes directly into it.</summary>
    [Fact]
    public void One_that_was_filled_for_longer_than_it_waits_is_gone_on_with()
    {
        using WaitingTrees trees = Open();
        byte[] name = trees.Take(7, 1, goesOn: false);
        time.Now += TimeSpan.FromHours(25);
        trees.Leave(name);

        Assert.Equal(name, trees.Take(7, 1, goesOn: true));
        Assert.True(Directory.Exists(directory[FerryPath.FromBytes(name).ToString()]));
    }

    [Fact]
    public void Its_wait_begins_when_it_is_left()
    {
        using WaitingTrees trees = Open();
        byte[] name = trees.Take(7, 1, goesOn: false);
        string changed = Changed(name);

        trees.Leave(name);

        Assert.NotEqual(changed, Changed(name));
        trees.Take(7, 2, goesOn: false);
        Assert.True(Directory.Exists(directory[FerryPath.FromBytes(name).ToString()]));
        time.Now += TimeSpan.FromHours(25);
        trees.Take(7, 3, goesOn: false);
        Assert.False(Directory.Exists(directory[FerryPath.FromBytes(name).ToString()]));
    }

    public void Dispose() => directory.Dispose();

    private WaitingTrees Open() => new(ConfinedDirectory.OpenRoot(directory.Path), time);

    private string Changed(byte[] name) => Tool.Run("stat", "-c", "%z", directory[FerryPath.FromBytes(name).ToString()]);
}
