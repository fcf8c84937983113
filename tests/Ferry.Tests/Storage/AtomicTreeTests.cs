using Ferry.Server.Storage;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary><c>ferry send --atomic</c>: a directory is there whole or not at all.</summary>
[Trait("Category", "EndToEnd")]
public sealed class AtomicTreeTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData("tmpfs")]
    [InlineData("ext4")]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    public async Task A_directory_takes_the_place_of_the_one_before_it_with_all_that_is_in_it(string type)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType(type);
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        string tree = MakeTree(served.Sources, "first", "gone/file", "deep/er/file", "same");

        FerryResult arrived = await served.SendAsync(tree, "--atomic", "--json");
        Directory.Delete(Path.Combine(tree, "gone"), recursive: true);
        await File.WriteAllTextAsync(Path.Combine(tree, "same"), "other", Cancel);
        FerryResult replaced = await served.SendAsync(tree, "--atomic", "--json", "--durability", "received");

        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
        Assert.All([arrived, replaced], result => Assert.True(result.ExitCode == 0, result.ToString()));
        Assert.Equal("stored", ResultOf(replaced, "tree"));
        Assert.Equal("held", ResultOf(replaced, "tree/deep"));
        Assert.Equal("held", ResultOf(replaced, "tree/same"));
        Assert.Equal(["tree"], served.Visible);
        await WaitForNothingWaitingAsync(served.Root);
    }

    [Fact]
    public async Task Modes_and_times_are_those_of_the_source_also_for_an_ordinary_user_and_a_read_only_directory()
    {
        Needs.Root();
        Needs.Program("setpriv");
        using var directory = new TestDirectory();
        Tool.Run("chmod", "0777", directory.Path);
        string root = directory["root"];
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", root, "--at", directory["socket"]) { Wrapper = ["setpriv", "--reuid=12345", "--regid=12345", "--clear-groups"] });
        string tree = MakeTree(directory["sources"], "inner/file", "file");
        Tool.Run("sh", "-c", $"chmod 0440 '{tree}/file' && chmod 0555 '{tree}/inner' '{tree}' && touch -d 2001-02-03T04:05:06Z '{tree}/inner' '{tree}'");

        for (int time = 0; time < 2; time++)
        {
            FerryResult result = await FerryProcess.RunAsync("send", tree, "--atomic", "--at", directory["socket"]);

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.Equal(Listing(tree), Listing(Path.Combine(root, "tree")));
        }
        await WaitForNothingWaitingAsync(root);
    }

    [Fact]
    public async Task Whoever_looks_sees_one_state_of_it_whole()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string[] names = [.. Enumerable.Range(0, 20).Select(i => $"file{i}")];
        await SendVersionAsync(served, names, 0);
        using var done = new CancellationTokenSource();
        Task<int> looking = Task.Run(() => LookUntil(served["tree"], names, done.Token), Cancel);

        for (int version = 1; version <= 10; version++)
        {
            await SendVersionAsync(served, names, version);
        }
        await done.CancelAsync();

        Assert.True(await looking > 0);
    }

    [Theory]
    [InlineData("ln -s file link", 9, "1 of the entries in it did not arrive")]
    [InlineData("head -c 3000000 /dev/zero > toolarge", 9, "1 of the entries in it did not arrive")]
    [InlineData("head -c 30000 /dev/zero > alsotoolarge", 9, "1 of the entries in it did not arrive")]
    [InlineData("mkdir .ferry", 9, "1 of the entries in it did not arrive")]
    public async Task Where_one_entry_is_missing_nothing_of_it_is_stored_and_the_one_before_it_stays(string command, int exitCode, string reason)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--max-file-size", "20000");
        string tree = MakeTree(served.Sources, "file", "deep/file");
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
        string before = Listing(served["tree"]);
        Tool.Run("sh", "-c", $"cd '{tree}' && printf new > file && {command}");

        FerryResult result = await served.SendAsync(tree, "--atomic", "--json");

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(reason, result.Errors, StringComparison.Ordinal);
        Assert.Equal(before, Listing(served["tree"]));
        Assert.Equal("content of file", await File.ReadAllTextAsync(served["tree/file"], Cancel));
        Assert.Equal("refused", ResultOf(result, "tree"));
        await WaitForNothingWaitingAsync(served.Root);
    }

    [Fact]
    public async Task Special_files_may_be_left_out_of_it()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = MakeTree(served.Sources, "file");
        File.CreateSymbolicLink(Path.Combine(tree, "link"), "file");

        FerryResult result = await served.SendAsync(tree, "--atomic", "--skip-special");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal(["file"], Directory.EnumerateFileSystemEntries(served["tree"]).Select(path => Path.GetFileName(path)));
    }

    [Theory]
    [InlineData("keep", 10, "exists already, and this server keeps what exists")]
    [InlineData("refuse", 9, "exists already, and this server refuses to replace it")]
    [InlineData("replace", 9, "a file has that name; a directory never replaces one")]
    public async Task What_is_refused_is_refused_before_any_content(string existing, int exitCode, string reason)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", existing);
        string tree = MakeTree(served.Sources, "file", "deep/file");
        Tool.Run("sh", "-c", existing == "replace" ? $"echo file > '{served["tree"]}'" : $"mkdir '{served["tree"]}'");

        FerryResult result = await served.SendAsync(tree, "--atomic", "--json");

        Assert.Equal(exitCode, result.ExitCode);
        Assert.Contains(reason, result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        Assert.Equal(["tree"], served.Visible);
        await WaitForNothingWaitingAsync(served.Root);
    }

    [Fact]
    public async Task Where_the_file_system_cannot_exchange_directories_that_is_said_before_any_content()
    {
        using TinyFileSystem disk = TinyFileSystem.Overlay();
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        string tree = MakeTree(served.Sources, "file");
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);

        FerryResult result = await served.SendAsync(tree, "--atomic", "--json");

        Assert.Equal(9, result.ExitCode);
        Assert.Contains("cannot exchange two directories in one step; remove it first, or send without --atomic", result.Errors, StringComparison.Ordinal);
        Assert.Single(result.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
        await WaitForNothingWaitingAsync(served.Root);
    }

    [Fact]
    public async Task With_numbers_it_is_stored_beside_the_one_that_exists()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        string tree = MakeTree(served.Sources, "file");

        await served.SendAsync(tree, "--atomic", "--as", "v1.2");
        FerryResult result = await served.SendAsync(tree, "--atomic", "--as", "v1.2", "--json");

        Assert.Equal(0, result.ExitCode);
        Assert.Equal("stored", ResultOf(result, "v1.2.1"));
        Assert.Equal(["v1.2", "v1.2.1"], served.Visible);
    }

    [Fact]
    public async Task In_a_setgid_directory_everything_in_it_gets_the_group()
    {
        Needs.Root();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Tool.Run("sh", "-c", $"mkdir '{served["shared"]}' && chgrp 12345 '{served["shared"]}' && chmod 2775 '{served["shared"]}'");

        FerryResult result = await served.SendAsync(MakeTree(served.Sources, "file", "deep/file"), "--atomic", "--into", "shared");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("12345\n", Tool.Run("sh", "-c", $"find '{served["shared/tree"]}' -printf '%G\\n' | sort -u"));
        Assert.Equal("2755\n", Tool.Run("sh", "-c", $"find '{served["shared/tree"]}' -type d -printf '%m\\n' | sort -u"));
    }

    [Theory]
    [InlineData("renameat2", 3)]
    [InlineData("mkdirat", 2)]
    [InlineData("utimensat", 2)]
    public async Task A_server_killed_in_the_middle_leaves_the_one_before_it_and_the_next_one_sweeps(string call, int occurrence)
    {
        Needs.Attaching();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = MakeTree(served.Sources, "a", "b", "c", "deep/d");
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
        await File.WriteAllTextAsync(Path.Combine(tree, "a"), "new", Cancel);
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={occurrence}"))
        {
            Assert.Equal(5, (await served.SendAsync(tree, "--atomic")).ExitCode);
            await served.Server.WaitAsync();
        }

        Assert.Equal("content of a", await File.ReadAllTextAsync(served["tree/a"], Cancel));
        await served.StartAgainAsync([]);
        Assert.Empty(Directory.EnumerateFileSystemEntries(served[".ferry/trees"]));
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
    }

    [Theory]
    [InlineData("renameat2", 3)]
    [InlineData("pwrite64", 20)]
    [InlineData("mkdirat", 2)]
    [InlineData("sendmsg,sendto", 3)]
    public async Task With_retry_it_goes_on_when_the_server_was_killed(string call, int occurrence)
    {
        Needs.Attaching();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = MakeTree(served.Sources, [.. Enumerable.Range(0, 300).Select(i => $"{i % 7}/{i}")]);
        await File.WriteAllBytesAsync(Path.Combine(tree, "large"), new byte[1_000_000], Cancel);
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
        Tool.Run("sh", "-c", $"cd '{tree}' && rm -r 3 && for file in */*; do echo new > $file; done");
        await using AttachedStrace strace = await AttachedStrace.StartAsync(served.Server.Pid, "-e", $"trace={call}", "-e", $"inject={call}:signal=KILL:when={occurrence}");

        Task<FerryResult> sending = served.SendAsync(tree, "--atomic", "--retry", "100", "--json");
        await served.Server.WaitAsync();
        Assert.Equal("content of 1/1", await File.ReadAllTextAsync(served["tree/1/1"], Cancel));
        await served.StartAgainAsync([]);
        FerryResult result = await sending;

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
        string[] names = [.. SentReceipts.Read(result).All.Select(receipt => receipt.Name)];
        Assert.Equal(names.Distinct().Count(), names.Length);
        Assert.Equal(Directory.EnumerateFileSystemEntries(tree, "*", SearchOption.AllDirectories).Count() + 1, names.Length);
        await WaitForNothingWaitingAsync(served.Root);
    }

    [Theory]
    [InlineData("replace")]
    [InlineData("number")]
    public async Task When_only_its_receipt_was_lost_that_is_given_again(string existing)
    {
        Needs.Attaching();
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], [], "--existing", existing);
        string tree = MakeTree(served.Sources, "a", "deep/b");
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
        await File.WriteAllTextAsync(Path.Combine(tree, "a"), "new", Cancel);
        string stored = existing == "number" ? "tree.1" : "tree";
        // Under its name it is flushed between the rename and the receipt.
        await using AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-P", served[stored], "-e", "trace=fsync", "-e", "inject=fsync:signal=KILL:when=1");

        Task<FerryResult> sending = served.SendAsync(tree, "--atomic", "--retry", "100", "--json");
        await served.Server.WaitAsync();
        await served.StartAgainAsync([], "--existing", existing);
        FerryResult result = await sending;

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("stored", ResultOf(result, stored));
        Assert.Contains("\"replayed\":true", result.Output, StringComparison.Ordinal);
        Assert.Equal("", Tool.Run("diff", "-r", tree, served[stored]));
        Assert.Equal(existing == "number" ? ["tree", "tree.1"] : ["tree"], served.Visible.Where(name => name != "lost+found"));
    }

    [Fact]
    public async Task What_belongs_to_a_delivery_with_a_key_waits_for_it_and_begins_anew_when_that_does()
    {
        Needs.Attaching();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = MakeTree(served.Sources, "a", "b", "gone");
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=renameat2", "-e", "inject=renameat2:signal=KILL:when=2"))
        {
            Assert.Equal(5, (await served.SendAsync(tree, "--atomic", "--delivery-key", "key")).ExitCode);
            await served.Server.WaitAsync();
        }
        await served.StartAgainAsync([]);
        Assert.Single(Directory.EnumerateFileSystemEntries(served[".ferry/trees"]));
        File.Delete(Path.Combine(tree, "gone"));

        FerryResult result = await served.SendAsync(tree, "--atomic", "--delivery-key", "key");

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("", Tool.Run("diff", "-r", tree, served["tree"]));
        await WaitForNothingWaitingAsync(served.Root);
        FerryResult again = await served.SendAsync(tree, "--atomic", "--delivery-key", "key", "--json");
        Assert.Contains("\"replayed\":true", again.Output, StringComparison.Ordinal);
        Assert.Single(again.Output.Split('\n', StringSplitOptions.RemoveEmptyEntries));
    }

    /// <summary>The old directory is there until all that is in it is removed; a connection that has it open must not store there what it acknowledges.</summary>
    [Fact]
    public void What_another_connection_stores_in_it_after_it_was_replaced_is_in_the_new_one()
    {
        using var store = new StoreFixture();
        store.Send("tree/before");
        using Delivery other = store.Store.BeginDelivery();
        var offer = new Offer(EntryKind.Directory, "tree", null, default, Durability.Received, Atomic: true);
        AtomicTree tree = other.Trees.Begin(other, offer);
        tree.Publish(other, offer, Durability.Received, isFlushed: false);

        store.Send("tree/after");
        other.Trees.Forget(tree);
        tree.Dispose();

        Assert.Equal(["after"], Directory.EnumerateFileSystemEntries(store["tree"]).Select(Path.GetFileName));
    }

    [Fact]
    public async Task What_cannot_be_removed_keeps_no_server_from_starting()
    {
        Needs.Mounting();
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        await served.Server.StopAsync();
        string left = Directory.CreateDirectory(served[".ferry/trees/7/mounted"]).FullName;
        Tool.Run("mount", "-t", "tmpfs", "tmpfs", left);
        try
        {
            await served.StartAgainAsync([]);

            Assert.Contains(".ferry/trees/7, a directory that was replaced or did not arrive whole, could not be removed", served.Server.Log, StringComparison.Ordinal);
            Assert.Equal(0, (await served.SendAsync(MakeTree(served.Sources, "file"), "--atomic")).ExitCode);
        }
        finally
        {
            await served.Server.StopAsync();
            Tool.Unmount(left);
        }
    }

    [Fact]
    public async Task What_has_no_name_cannot_take_one_in_one_step()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();

        Assert.Equal(2, (await served.SendAsync(MakeTree(served.Sources, "file"), "--atomic", "--as", ".")).ExitCode);
    }

    private static async Task SendVersionAsync(ServedDirectory served, string[] names, int version)
    {
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        foreach (string name in names)
        {
            await File.WriteAllTextAsync(Path.Combine(tree, name), $"{version:00}", Cancel);
        }
        Assert.Equal(0, (await served.SendAsync(tree, "--atomic")).ExitCode);
    }

    /// <summary>Opens the directory once for each look, as a program that works in it does, and compares the versions in it.</summary>
    private static int LookUntil(string path, string[] names, CancellationToken done)
    {
        int looks = 0;
        while (!done.IsCancellationRequested)
        {
            string seen = Tool.Run("sh", "-c", $"cd '{path}' && cat {string.Join(' ', names)} 2> /dev/null || true");
            // One that was replaced meanwhile is being removed: its files vanish, and those that are left are still of one version.
            Assert.True(seen.Chunk(2).DistinctBy(version => string.Concat(version)).Count() <= 1, seen);
            looks++;
        }
        return looks;
    }

    private static string MakeTree(string sources, params string[] files)
    {
        string tree = Path.Combine(sources, "tree");
        foreach (string file in files)
        {
            string path = Path.Combine(tree, file);
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            File.WriteAllText(path, $"content of {file}");
        }
        return tree;
    }

    private static string Listing(string directory) => Tool.Run("sh", "-c", $"cd '{directory}' && find . -printf '%P %m %s %TY-%Tm-%Td\\n' | sort");

    private static string ResultOf(FerryResult result, string name) => SentReceipts.Read(result).All.Single(receipt => receipt.Name == name).Result;

    /// <summary>What was replaced is removed a moment after the receipt.</summary>
    private static async Task WaitForNothingWaitingAsync(string root)
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Directory.EnumerateFileSystemEntries(Path.Combine(root, ".ferry/trees")).Any())
        {
            await Task.Delay(10, patience.Token);
        }
    }
}
