using Ferry.Files;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Files;

public sealed class SourceTreeTests
{
    [Fact]
    public void A_walk_enters_yields_and_leaves_in_order()
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["tree/sub"]);
        File.WriteAllText(directory["tree/sub/file"], "content");

        Assert.Equal(["EnterDirectory ", "EnterDirectory sub", "File sub/file", "LeaveDirectory sub", "LeaveDirectory "], Walk(directory["tree"]));
    }

    [Fact]
    public void Below_the_path_no_link_is_followed_and_no_pipe_opened()
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["tree"]);
        File.WriteAllText(directory["secret"], "secret");
        File.CreateSymbolicLink(directory["tree/file"], directory["secret"]);
        File.CreateSymbolicLink(directory["tree/directory"], "/etc");
        Tool.Run("mkfifo", directory["tree/pipe"]);

        Assert.Equal(
            ["EnterDirectory ", "LeaveDirectory ", "Unsendable directory: a symbolic link is not sent", "Unsendable file: a symbolic link is not sent", "Unsendable pipe: a FIFO is not sent"],
            Walk(directory["tree"]).Order(StringComparer.Ordinal));
    }

    [Fact]
    public void The_path_itself_may_be_a_link_and_arrives_under_the_links_name()
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["real"]);
        File.CreateSymbolicLink(directory["link"], directory["real"]);

        SourcePath source = SourcePath.Classify(directory["link"]);

        Assert.Equal((SourceKind.Directory, "link"), (source.Kind, source.Name.ToString()));
        Assert.Equal(["EnterDirectory ", "LeaveDirectory "], Walk(directory["link"]));
    }

    [Theory]
    [InlineData("a/b", "b")]
    [InlineData("a/b/", "b")]
    [InlineData("a/b///", "b")]
    [InlineData("a/b/.", "b")]
    [InlineData("a/b/..", "a")]
    public void The_last_component_is_the_name_and_dots_stand_for_the_real_one(string path, string name)
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["a/b"]);

        Assert.Equal(name, SourcePath.Classify(directory[path]).Name.ToString());
    }

    [Theory]
    [InlineData("/dev/null", SourceKind.Stream)]
    [InlineData("/dev/stdin", SourceKind.Stream)]
    [InlineData("/nonexistent", SourceKind.Unreadable)]
    [InlineData("", SourceKind.Unreadable)]
    [InlineData("a\0b", SourceKind.Unreadable)]
    [InlineData("/", SourceKind.Directory)]
    public void Paths_are_classified_without_being_opened(string path, object kind) => Assert.Equal(kind, SourcePath.Classify(path).Kind);

    [Fact]
    public void A_tree_deeper_than_the_descriptors_at_hand_is_walked_whole()
    {
        using var directory = new TestDirectory();
        Tool.Run("sh", "-c", $"cd '{directory.Path}'; i=0; while [ $i -lt 900 ]; do mkdir d && cd d && : > a && : > z; i=$((i+1)); done");

        List<string> walk = Walk(directory["d"]);

        Assert.Equal(900, walk.Count(step => step.StartsWith("EnterDirectory", StringComparison.Ordinal)));
        Assert.Equal(900, walk.Count(step => step.StartsWith("LeaveDirectory", StringComparison.Ordinal)));
        Assert.Equal(1_800, walk.Count(step => step.StartsWith("File", StringComparison.Ordinal)));
    }

    [Fact]
    public void More_than_a_thousand_levels_are_said_to_be_too_deep_and_the_rest_goes_on()
    {
        using var directory = new TestDirectory();
        Tool.Run("sh", "-c", $"cd '{directory.Path}'; i=0; while [ $i -lt 1010 ]; do mkdir d && cd d && : > file; i=$((i+1)); done");

        List<string> walk = Walk(directory["d"]);

        Assert.Single(walk, step => step.EndsWith(": deeper than 1000 levels", StringComparison.Ordinal));
        Assert.Equal(1_000, walk.Count(step => step.StartsWith("EnterDirectory", StringComparison.Ordinal)));
    }

    /// <summary>The walk stands far below when a directory above it is moved: it must not go on in whatever is its parent then.</summary>
    [Fact]
    public void A_directory_that_is_moved_meanwhile_is_reported_and_not_left_by_another_way()
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["other/place"]);
        File.WriteAllText(directory["other/secret"], "secret");
        Tool.Run("sh", "-c", $"cd '{directory.Path}'; i=0; while [ $i -lt 80 ]; do mkdir d && cd d; i=$((i+1)); done; : > bottom");
        List<string> walk = [];
        foreach (SourceEntry entry in SourceTree.Walk(SourcePath.Classify(directory["d"])))
        {
            if (entry.Event == SourceEvent.File)
            {
                Directory.Move(directory["d/d"], directory["other/place/d"]);
            }
            walk.Add(Describe(entry));
        }

        Assert.DoesNotContain(walk, step => step.Contains("secret", StringComparison.Ordinal));
        Assert.Equal(80, walk.Count(step => step.StartsWith("LeaveDirectory", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_directory_of_many_names_is_read_in_pieces()
    {
        using var directory = new TestDirectory();
        Tool.Run("sh", "-c", $"mkdir '{directory["many"]}' && cd '{directory["many"]}' && seq -f 'a-rather-long-name-%010.0f' 3000 | xargs touch");

        Assert.Equal(3_000, Walk(directory["many"]).Count(step => step.StartsWith("File", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_file_that_changes_is_noticed()
    {
        using var directory = new TestDirectory();
        File.WriteAllText(directory["file"], "content");
        using SourceFile file = SourceTree.Walk(SourcePath.Classify(directory["file"])).Single().File!;
        Assert.False(file.HasChanged());

        File.SetUnixFileMode(directory["file"], UnixFileMode.UserRead);

        Assert.True(file.HasChanged());
    }

    /// <summary>Somebody swaps a directory for a link all the while; nothing behind the link is ever handed out.</summary>
    [Fact]
    public async Task A_directory_swapped_for_a_link_never_leads_out()
    {
        using var directory = new TestDirectory();
        Directory.CreateDirectory(directory["tree/sub"]);
        Directory.CreateDirectory(directory["outside"]);
        File.WriteAllText(directory["tree/sub/inside"], "inside");
        File.WriteAllText(directory["outside/secret"], "secret");
        using var stop = new CancellationTokenSource();
        Task swapping = Task.Run(() =>
        {
            while (!stop.IsCancellationRequested)
            {
                Directory.Move(directory["tree/sub"], directory["aside"]);
                File.CreateSymbolicLink(directory["tree/sub"], directory["outside"]);
                File.Delete(directory["tree/sub"]);
                Directory.Move(directory["aside"], directory["tree/sub"]);
            }
        }, TestContext.Current.CancellationToken);
        int found = 0;
        for (int i = 0; i < 3_000; i++)
        {
            List<string> walk = Walk(directory["tree"]);
            found += walk.Count(step => step.Contains("inside", StringComparison.Ordinal));
            Assert.DoesNotContain(walk, step => step.Contains("secret", StringComparison.Ordinal));
        }
        await stop.CancelAsync();
        await swapping;

        Assert.True(found > 0);
    }

    private static List<string> Walk(string path) => [.. SourceTree.Walk(SourcePath.Classify(path)).Select(Describe)];

    private static string Describe(SourceEntry entry)
    {
        entry.File?.Dispose();
        return $"{entry.Event} {entry.Name}{(entry.Reason is null ? "" : ": " + entry.Reason)}";
    }
}
