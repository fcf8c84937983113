using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Retry;

/// <summary>What a server makes of delivery keys, with senders by hand.</summary>
[Trait("Category", "EndToEnd")]
public sealed class DeliveryKeyTests
{
    private static readonly byte[] Content = "content"u8.ToArray();
    private static readonly DeliveryKey Key = new([1, 2, 3]);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    public static TheoryData<string> Faults => [.. FaultScripts.Keys];

    private static Dictionary<string, (FerryErrorCode Code, Func<ScriptedPeer, Task> Script)> FaultScripts { get; } = new()
    {
        ["a key while a file is under way"] = (FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(1, "name", 7);
            await peer.SendAsync(0, Key);
        }
        ),
        ["a second key while a directory is open"] = (FerryErrorCode.Protocol, async peer =>
        {
            await peer.SendAsync(0, Key);
            await peer.OfferAsync(1, "name", kind: EntryKind.Directory);
            await peer.SendAsync(0, new DeliveryKey([4]));
        }
        ),
        ["an empty key"] = (FerryErrorCode.Limit, peer => peer.SendAsync(0, new DeliveryKey([]))),
        ["a key of 65 bytes"] = (FerryErrorCode.Limit, peer => peer.SendAsync(0, new DeliveryKey(new byte[65]))),
        ["no key at all"] = (FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Delivery, 0, ScriptedPeer.Map())),
        ["a key for an entry"] = (FerryErrorCode.Protocol, peer => peer.SendAsync(1, Key)),
        ["a field that is not known"] = (FerryErrorCode.Unsupported, peer => peer.SendAsync(FrameType.Delivery, 0, ScriptedPeer.Map((7, 1)))),
        ["a source without a key"] = (FerryErrorCode.Protocol, peer => peer.SendAsync(1, Offer(0))),
        ["a source beyond its range"] = (FerryErrorCode.Limit, async peer =>
        {
            await peer.SendAsync(0, Key);
            await peer.SendAsync(1, Offer(1L << 32));
        }
        ),
    };

    [Theory]
    [MemberData(nameof(Faults))]
    public async Task What_the_protocol_does_not_allow_ends_the_connection(string fault)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using ScriptedPeer peer = await GreetAsync(served);
        (FerryErrorCode code, Func<ScriptedPeer, Task> script) = FaultScripts[fault];

        await script(peer);

        Assert.Equal(code, (await peer.ReadFailureAsync()).Code);
        Assert.DoesNotContain(served.Visible, name => File.Exists(served[name]));
        Assert.Equal(0, (await served.SendAsync(Source(served))).ExitCode);
    }

    [Fact]
    public async Task A_peer_that_the_kernel_does_not_know_is_offered_no_replay_and_may_not_use_it()
    {
        await using var pair = new NativePair(user: null);
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.SendAsync([.. Preface.Bytes, .. ScriptedPeer.Frame(FrameType.Greeting, 0, ScriptedPeer.Encode(ScriptedPeer.Truthful))]);
        await peer.ReadPrefaceAsync();
        Greeting greeting = Greeting.Read(MessageReader.NewCborReader(), (await peer.ReadAsync(FrameType.Greeting)).Payload);

        await peer.SendAsync(0, Key);

        Assert.DoesNotContain(Greeting.Replay, greeting.Capabilities);
        Assert.Equal(FerryErrorCode.Unsupported, (await peer.ReadFailureAsync()).Code);
    }

    [Fact]
    public async Task A_second_connection_with_a_key_is_refused_while_the_first_lives_and_welcome_when_its_peer_has_hung_up()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Stream older = served.Connect();
        using var first = new ScriptedPeer(older);
        await first.GreetFirstAsync();
        await first.SendAsync(0, Key);
        await first.SendAsync(1, Offer(0));
        await first.SendAsync(FrameType.Content, 1, Content);
        await first.EndAsync(1, Content);
        Assert.False((await first.ReadReceiptAsync()).Replayed);

        using ScriptedPeer second = await GreetAsync(served);
        await second.SendAsync(0, Key);
        Failure refusal = await second.ReadFailureAsync();
        await older.DisposeAsync();
        using ScriptedPeer third = await GreetAsync(served);
        await third.SendAsync(0, Key);
        await third.SendAsync(1, Offer(0));

        Assert.Equal(FerryErrorCode.Busy, refusal.Code);
        Assert.Contains("under the same key", refusal.Reason, StringComparison.Ordinal);
        Assert.True((await third.ReadReceiptAsync()).Replayed);
    }

    /// <summary>An older connection may be far from having read everything that its peer sent before it went.</summary>
    [Fact]
    public async Task A_connection_whose_peer_has_gone_in_the_middle_of_much_content_makes_room_for_the_next()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Stream older = served.Connect();
        using var first = new ScriptedPeer(older);
        await first.GreetFirstAsync();
        await first.SendAsync(0, Key);
        await first.SendAsync(1, new Offer(EntryKind.File, "large", 1 << 30, default, null) { Source = 0 });
        await first.ReadAsync(FrameType.Go);
        Task flood = Task.Run(async () =>
        {
            while (true)
            {
                await first.ContentAsync(1, new byte[100_000]);
            }
        }, Cancel);
        await Task.WhenAny(flood, WaitForStagedAsync(served, 10_000_000));
        await older.DisposeAsync();

        using ScriptedPeer second = await GreetAsync(served);
        await second.SendAsync(0, Key);
        await second.SendAsync(1, Offer(1));
        await second.SendAsync(FrameType.Content, 1, Content);
        await second.EndAsync(1, Content);

        Assert.Equal(ReceiptResult.Stored, (await second.ReadReceiptAsync()).Result);
        await flood.ContinueWith(_ => { }, TaskScheduler.Default);
    }

    /// <summary>A name given twice is two arrivals, also under one key.</summary>
    [Fact]
    public async Task What_was_stored_on_this_connection_is_not_replayed_on_it_and_what_differs_is_stored_anew()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--existing", "number");
        using ScriptedPeer peer = await GreetAsync(served);
        await peer.SendAsync(0, Key);
        await SendAsync(peer, 1, Offer(0));
        ReceiptMessage twice = await SendAsync(peer, 2, Offer(0));
        ReceiptMessage otherSource = await SendAsync(peer, 3, Offer(1));
        await peer.SendAsync(0, Key);
        ReceiptMessage otherTime = await SendAsync(peer, 4, Offer(1) with { Metadata = new EntryMetadata(null, new FileTime(5, 0)) });
        await peer.SendAsync(5, Offer(0));
        ReceiptMessage replayed = await peer.ReadReceiptAsync();
        // Its content comes all the same, and is dropped.
        await peer.SendAsync(FrameType.Content, 5, Content);
        await peer.EndAsync(5, Content);
        ReceiptMessage after = await SendAsync(peer, 6, Offer(9));

        Assert.All([twice, otherSource, otherTime, after], receipt => Assert.False(receipt.Replayed));
        Assert.True(replayed.Replayed);
        Assert.Equal("name.1", replayed.Name!.Value.ToString());
        Assert.Equal(["name", "name.1", "name.2", "name.3", "name.4"], served.Visible);
    }

    [Fact]
    public async Task A_server_that_keeps_no_journal_for_lack_of_space_stores_nothing_under_a_key_and_serves_the_others()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        using ScriptedPeer peer = await GreetAsync(served);
        await peer.SendAsync(0, Key);
        await SendAsync(peer, 1, Offer(0) with { Name = "first" });
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=pwrite64", "-P", served[".ferry/journal/0"], "-e", "inject=pwrite64:error=ENOSPC"))
        {
            Assert.Equal(FerryErrorCode.NoSpace, (await SendAsync(peer, 2, Offer(0))).Code);
            Assert.Equal(0, (await served.SendAsync(Source(served))).ExitCode);
        }

        Assert.Equal(["first", "other"], served.Visible);
        Assert.Equal(ReceiptResult.Stored, (await SendAsync(peer, 3, Offer(0))).Result);
        Assert.Equal(["first", "name", "other"], served.Visible);
    }

    [Fact]
    public async Task A_journal_that_cannot_be_opened_is_why_each_entry_of_the_delivery_is_refused()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string journal = served[$".ferry/journal/{Tool.Run("id", "-u").Trim()}"];
        Directory.CreateDirectory(journal);

        FerryResult refused = await served.SendAsync(Source(served), "--delivery-key", "key");

        Assert.Equal(8, refused.ExitCode);
        Assert.Contains("other: cannot create .ferry/journal/", refused.Errors, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
        Assert.Equal(0, (await served.SendAsync(Source(served))).ExitCode);
        Directory.Delete(journal);
        Assert.Equal(0, (await served.SendAsync(Source(served), "--delivery-key", "key")).ExitCode);
    }

    [Fact]
    public async Task A_failed_flush_of_the_journal_fails_what_it_was_for_and_is_not_tried_again_on_that_file()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        using ScriptedPeer peer = await GreetAsync(served);
        await peer.SendAsync(0, Key);
        string journal = served[".ferry/journal/0"];
        await SendAsync(peer, 1, Offer(0) with { Name = "first" });
        ulong before = Inode(journal);
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=fsync", "-P", journal, "-e", "inject=fsync:error=EIO"))
        {
            Assert.Equal(FerryErrorCode.StorageError, (await SendAsync(peer, 2, Offer(0))).Code);
        }
        Assert.Equal(["first"], served.Visible);

        Assert.Equal(ReceiptResult.Stored, (await SendAsync(peer, 3, Offer(0))).Result);

        Assert.NotEqual(before, Inode(journal));
    }

    /// <summary>By then the new file has the name, and the one before it none: what was written to that would never be read again.</summary>
    [Fact]
    public async Task What_is_stored_after_the_name_of_a_new_journal_could_not_be_flushed_is_given_again()
    {
        // Records of these names make the journal be written anew after two thousand files.
        string directory = string.Join('/', Enumerable.Repeat(new string('n', 250), 62));
        const uint Files = 2400;
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Stream first = served.Connect();
        using var peer = new ScriptedPeer(first);
        await peer.GreetFirstAsync();
        await peer.SendAsync(0, Key);
        string[] calls;
        await using (AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-e", "trace=fsync", "-P", served[".ferry/journal"], "-e", "inject=fsync:error=EIO:when=1"))
        {
            for (uint entry = 1; entry <= Files; entry++)
            {
                Assert.Equal(ReceiptResult.Stored, (await SendAsync(peer, entry, Offer(0) with { Name = $"{directory}/{entry}" })).Result);
            }
            calls = await strace.DetachAsync();
        }
        await first.DisposeAsync();

        using ScriptedPeer again = await GreetAsync(served);
        await again.SendAsync(0, Key);
        ReceiptMessage last = await SendAsync(again, 1, Offer(0) with { Name = $"{directory}/{Files}" });

        Assert.Single(calls, call => call.EndsWith("(INJECTED)", StringComparison.Ordinal));
        Assert.True(last.Replayed, $"{last}");
    }

    /// <summary>The intent stands in the file, and what it is about is gone: taken for published, its receipt would be given again.</summary>
    [Fact]
    public async Task A_directory_whose_intent_could_not_be_flushed_is_stored_when_it_is_sent_again()
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        await using ServedDirectory served = await ServedDirectory.StartAsync(disk["root"], []);
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        await File.WriteAllBytesAsync(Path.Combine(tree, "file"), Content, Cancel);
        FerryPath[] arguments = [tree, "--atomic", "--delivery-key", "key"];
        Assert.Equal(0, (await served.SendAsync(Source(served), "--delivery-key", "other")).ExitCode);
        await using (await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=fsync", "-P", served[".ferry/journal/0"], "-e", "inject=fsync:error=EIO"))
        {
            Assert.Equal(8, (await served.SendAsync(arguments)).ExitCode);
        }
        Assert.Equal(["other"], served.Visible);

        Assert.Equal(0, (await served.SendAsync(arguments)).ExitCode);

        Assert.Equal(["other", "tree"], served.Visible);
    }

    private static ulong Inode(string path) => ulong.Parse(Tool.Run("stat", "-c", "%i", path).Trim(), System.Globalization.CultureInfo.InvariantCulture);

    private static async Task<ScriptedPeer> GreetAsync(ServedDirectory served)
    {
        var peer = new ScriptedPeer(served.Connect());
        await peer.GreetFirstAsync();
        return peer;
    }

    private static async Task WaitForStagedAsync(ServedDirectory served, long bytes)
    {
        while (served.Staged.Where(File.Exists).Sum(path => new FileInfo(path).Length) < bytes)
        {
            await Task.Delay(10, Cancel);
        }
    }

    private static string Source(ServedDirectory served)
    {
        string source = Path.Combine(served.Sources, "other");
        File.WriteAllText(source, "other");
        return source;
    }

    private static Offer Offer(long source) => new(EntryKind.File, "name", Content.Length, default, null) { Source = source };

    private static async Task<ReceiptMessage> SendAsync(ScriptedPeer peer, uint entry, Offer offer)
    {
        await peer.SendAsync(entry, offer);
        await peer.SendAsync(FrameType.Content, entry, Content);
        await peer.EndAsync(entry, Content);
        return await peer.ReadReceiptAsync();
    }
}
