using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>A client that lies, against a real session: the error is named on both sides and nothing of it is ever visible.</summary>
public sealed class HostileSenderTests
{
    private static readonly byte[] Content = "content"u8.ToArray();
    private static readonly byte[] Large = new byte[ProtocolLimits.MaxInlineBytes + 1];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, (FerryErrorCode Code, Func<ScriptedPeer, Task> Script)> ConnectionFaults = new()
    {
        ["the preface is wrong in its last byte"] = (FerryErrorCode.Protocol, peer => peer.SendAsync([.. Preface.Bytes[..^1], (byte)'x', .. new byte[100]])),
        ["a frame before the greeting"] = (FerryErrorCode.Protocol, async peer =>
        {
            await peer.SendAsync(Preface.Bytes.ToArray());
            await peer.SendAsync(0, new Alive());
        }
        ),
        ["a version that is unknown"] = (FerryErrorCode.Unsupported, peer => SendGreetingAsync(peer, ScriptedPeer.Truthful with { Versions = [7] })),
        ["no hash in common"] = (FerryErrorCode.Unsupported, peer => SendGreetingAsync(peer, ScriptedPeer.Truthful with { Hashes = ["md5"] })),
        ["a limit of zero entries"] = (FerryErrorCode.Limit, peer => SendGreetingAsync(peer, ScriptedPeer.Truthful with { Limits = ProtocolLimits.Ours(null) with { Entries = 0 } })),
        ["a stall time of one millisecond"] = (FerryErrorCode.Limit, peer => SendGreetingAsync(peer, ScriptedPeer.Truthful with { StallTimeout = TimeSpan.FromMilliseconds(1) })),
        ["a greeting that is no map"] = (FerryErrorCode.Protocol, peer => peer.SendAsync([.. Preface.Bytes, .. ScriptedPeer.Frame(FrameType.Greeting, 0, [0x01])])),
        ["an unknown frame type"] = Greeted(FerryErrorCode.Unsupported, peer => peer.SendAsync((FrameType)77, 0, [])),
        ["a second greeting"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(0, ScriptedPeer.Truthful)),
        ["a receipt from a sender"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Receipt, 1, ScriptedPeer.Map((1, 1)))),
        ["a go from a sender"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(1, new Go())),
        ["an offer of 16 MiB announced"] = Greeted(FerryErrorCode.Limit, peer => peer.SendAsync([(byte)FrameType.Offer, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1])),
        ["a content frame of 16 MiB announced"] = Greeted(FerryErrorCode.Limit, peer => peer.SendAsync([(byte)FrameType.Content, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1])),
        ["an offer that is garbage"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Offer, 1, [0xFF, 0x00, 0x12])),
        ["an offer without a name"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Offer, 1, ScriptedPeer.Map((1, 1)))),
        ["an offer of four billion fields"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Offer, 1, [0xBB, 0, 0, 0, 0, 0xFF, 0xFF, 0xFF, 0xFF])),
        ["a hint of ten thousand levels"] = Greeted(FerryErrorCode.Protocol, peer => peer.SendAsync(FrameType.Offer, 1, [0xA1, 0x20, .. Enumerable.Repeat((byte)0x81, 10_000)])),
        ["entry zero"] = Greeted(FerryErrorCode.Protocol, peer => peer.OfferAsync(0, "a", 1)),
        ["an entry number twice"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(5, "a", 1);
            await peer.OfferAsync(5, "b", 1);
        }),
        ["an entry number that goes back"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(5, "a", 1);
            await peer.OfferAsync(4, "b", 1);
        }),
        ["content for an entry never offered"] = Greeted(FerryErrorCode.Protocol, peer => peer.ContentAsync(9, Content)),
        ["content after the end"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.FileAsync(1, "whole", Content);
            await peer.ContentAsync(1, Content);
        }),
        ["content for a directory"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(1, "d", kind: EntryKind.Directory);
            await peer.ContentAsync(1, Content);
        }),
        ["an offer in an atomic directory that has ended"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.SendAsync(1, new Offer(EntryKind.Directory, "tree", null, default, null, Atomic: true));
            await peer.ReadAsync(FrameType.Go);
            await peer.SendAsync([.. ScriptedPeer.Frame(FrameType.End, 1, ScriptedPeer.Encode(End.WithoutContent)), .. ScriptedPeer.FileFrames(2, "tree/late", Content)]);
        }),
        ["the end of an atomic directory before that of a file in it"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.SendAsync(1, new Offer(EntryKind.Directory, "tree", null, default, null, Atomic: true));
            await peer.ReadAsync(FrameType.Go);
            await peer.OfferAsync(2, "tree/late", 100_000);
            await peer.SendAsync(1, End.WithoutContent);
        }),
        ["two ends"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.FileAsync(1, "whole", Content);
            await peer.EndAsync(1, Content);
        }),
        ["an end without size and hash"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(1, "a", 0);
            await peer.SendAsync(1, End.WithoutContent);
        }),
        ["an unknown field in an end"] = Greeted(FerryErrorCode.Unsupported, async peer =>
        {
            await peer.OfferAsync(1, "a", 0);
            await peer.SendAsync(FrameType.End, 1, ScriptedPeer.Map((99, 1)));
        }),
        ["an unknown field in a sign of life"] = Greeted(FerryErrorCode.Unsupported, peer => peer.SendAsync(FrameType.Alive, 0, ScriptedPeer.Map((1, 1)))),
        ["finish with an entry open"] = Greeted(FerryErrorCode.Protocol, async peer =>
        {
            await peer.OfferAsync(1, "a", 10);
            await peer.SendAsync(0, new Finish());
        }),
        ["more files open than the limit"] = Greeted(FerryErrorCode.Limit, async peer =>
        {
            for (uint entry = 1; entry <= ProtocolLimits.MaxEntries + ProtocolLimits.MaxDescriptors + 1; entry++)
            {
                await peer.OfferAsync(entry, $"f{entry}", 10);
            }
        }),
        ["more directories open than the limit"] = Greeted(FerryErrorCode.Limit, async peer =>
        {
            for (uint entry = 1; entry <= ProtocolLimits.MaxLevels + 1; entry++)
            {
                await peer.OfferAsync(entry, "d", kind: EntryKind.Directory);
            }
        }),
    };

    private static readonly Dictionary<string, (FerryErrorCode Code, Func<ScriptedPeer, Task> Script)> EntryFaults = new()
    {
        ["a name that climbs"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "../up", Content)),
        ["a name that climbs inside"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "a/../../up", Content)),
        ["an absolute name"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "/etc/passwd", Content)),
        ["an empty name"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "", Content)),
        ["an empty component"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "a//b", Content)),
        ["a trailing slash"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "a/", Content)),
        ["a dot"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, ".", Content)),
        ["a NUL"] = (FerryErrorCode.BadName, peer => peer.FileAsync(1, "a\0b", Content)),
        ["the server's own directory"] = (FerryErrorCode.ReservedName, peer => peer.FileAsync(1, ".ferry/lock", Content)),
        ["the server's own directory further down"] = (FerryErrorCode.ReservedName, peer => peer.FileAsync(1, "a/b/.ferry", Content)),
        ["a component of 256 bytes"] = (FerryErrorCode.NameTooLong, peer => peer.FileAsync(1, new string('n', 256), Content)),
        ["1,001 levels"] = (FerryErrorCode.NameTooLong, peer => peer.FileAsync(1, string.Join('/', Enumerable.Repeat("d", 1001)), Content)),
        ["an unknown kind"] = (FerryErrorCode.Unsupported, peer => peer.SendAsync(FrameType.Offer, 1, ScriptedPeer.Map((1, 9)))),
        ["an unknown field in an offer"] = (FerryErrorCode.Unsupported, peer => peer.SendAsync(FrameType.Offer, 1, ScriptedPeer.Map((1, 1), (50, 1)))),
        ["more content than announced"] = (FerryErrorCode.SizeMismatch, async peer =>
        {
            await peer.OfferAsync(1, "more", 3);
            await peer.ContentAsync(1, Content);
        }
        ),
        ["less content than announced"] = (FerryErrorCode.SizeMismatch, async peer =>
        {
            await peer.OfferAsync(1, "less", 100);
            await peer.ContentAsync(1, Content);
            await peer.EndAsync(1, Content);
        }
        ),
        ["another size at the end"] = (FerryErrorCode.SizeMismatch, async peer =>
        {
            await peer.OfferAsync(1, "size", Content.Length);
            await peer.ContentAsync(1, Content);
            await peer.SendAsync(1, End.OfFile(Content.Length + 1, System.IO.Hashing.XxHash128.Hash(Content)));
        }
        ),
        ["another hash at the end"] = (FerryErrorCode.HashMismatch, async peer =>
        {
            await peer.OfferAsync(1, "hash", Content.Length);
            await peer.ContentAsync(1, Content);
            await peer.SendAsync(1, End.OfFile(Content.Length, new byte[16]));
        }
        ),
        ["a hash of another length"] = (FerryErrorCode.HashMismatch, async peer =>
        {
            await peer.OfferAsync(1, "hash", Content.Length);
            await peer.ContentAsync(1, Content);
            await peer.SendAsync(1, End.OfFile(Content.Length, new byte[3]));
        }
        ),
        ["a file given up"] = (FerryErrorCode.SourceChanged, async peer =>
        {
            await peer.OfferAsync(1, "given-up", Content.Length);
            await peer.ContentAsync(1, Content);
            await peer.SendAsync(1, End.GivenUp(FerryErrorCode.SourceChanged, "it changed\u001b[2J"));
        }
        ),
    };

    public static TheoryData<string> ConnectionFaultNames => [.. ConnectionFaults.Keys];

    public static TheoryData<string> EntryFaultNames => [.. EntryFaults.Keys];

    [Theory]
    [MemberData(nameof(ConnectionFaultNames))]
    public async Task What_the_protocol_does_not_allow_ends_the_connection(string fault)
    {
        (FerryErrorCode code, Func<ScriptedPeer, Task> script) = ConnectionFaults[fault];
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);

        await script(peer);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        Assert.Equal(code, e.Code);
        Assert.Equal(code, (await peer.ReadFailureAsync()).Code);
        Assert.All(Visible(pair), name => Assert.True(name is "whole" or "d", name));
    }

    [Theory]
    [MemberData(nameof(EntryFaultNames))]
    public async Task What_is_wrong_with_one_entry_is_its_receipt_and_the_next_one_arrives(string fault)
    {
        (FerryErrorCode code, Func<ScriptedPeer, Task> script) = EntryFaults[fault];
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await script(peer);
        ReceiptMessage receipt = await peer.ReadReceiptAsync();
        await peer.FileAsync(2, "next", Content);

        Assert.Equal(code, receipt.Code);
        Assert.NotEqual(ReceiptResult.Stored, receipt.Result);
        Assert.NotNull(receipt.Reason);
        Assert.DoesNotContain('\u001b', receipt.Reason);
        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
        Assert.Equal(["next"], Visible(pair));
    }

    [Fact]
    public async Task A_large_file_that_is_refused_gets_its_receipt_before_its_content_and_what_comes_is_dropped()
    {
        await using var pair = new NativePair(options => options.MaxFileSize = 1000);
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await peer.OfferAsync(1, "large", Large.Length);
        ReceiptMessage receipt = await peer.ReadReceiptAsync();
        await peer.ContentAsync(1, Large);
        await peer.EndAsync(1, Large);
        await peer.FileAsync(2, "next", Content);

        Assert.Equal(FerryErrorCode.TooLarge, receipt.Code);
        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
        Assert.Equal(["next"], Visible(pair));
    }

    [Fact]
    public async Task Of_a_name_given_twice_the_later_content_remains()
    {
        const uint Names = 100;
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        // The first stands often at the end of a batch that another worker stores, so that the second could overtake it.
        for (uint i = 0; i < Names; i++)
        {
            await peer.FileAsync(2 * i + 1, $"name{i}", "first"u8.ToArray());
            await peer.FileAsync(2 * i + 2, $"name{i}", "second"u8.ToArray());
        }
        for (uint i = 0; i < 2 * Names; i++)
        {
            Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
        }

        for (uint i = 0; i < Names; i++)
        {
            Assert.Equal("second", await File.ReadAllTextAsync(Path.Combine(pair.Root, $"name{i}"), Cancel));
        }
    }

    [Theory]
    [InlineData("tree", EntryKind.Directory)]
    [InlineData("tree/below", EntryKind.Directory)]
    [InlineData("file", EntryKind.File)]
    public async Task What_cannot_be_stored_atomically_is_refused_once_and_the_rest_goes_on(string name, EntryKind kind)
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await peer.SendAsync(1, new Offer(EntryKind.Directory, "tree", null, default, null, Atomic: true));
        await peer.ReadAsync(FrameType.Go);
        await peer.SendAsync(2, new Offer(kind, name, null, default, null, Atomic: true));
        Assert.Equal(FerryErrorCode.Unsupported, (await peer.ReadReceiptAsync()).Code);
        await peer.SendAsync(2, End.WithoutContent);
        await peer.FileAsync(3, "next", Content);
        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
        await peer.SendAsync(1, End.WithoutContent);

        Assert.Equal(name == "tree/below" ? ReceiptResult.Refused : ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
    }

    [Fact]
    public async Task Hints_that_nobody_knows_are_skipped()
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await peer.SendAsync(FrameType.Alive, 0, ScriptedPeer.Map((-77, 1)));
        await peer.FileAsync(1, "name", Content);

        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
    }

    [Theory]
    [InlineData("nothing")]
    [InlineData("preface")]
    [InlineData("greeting")]
    [InlineData("half a frame")]
    [InlineData("half a file")]
    public async Task Silence_is_ended_by_the_stall_time_out(string after)
    {
        await using var pair = new NativePair(options => options.StallTimeout = TimeSpan.FromSeconds(2));
        using var peer = new ScriptedPeer(pair.ClientStream);
        if (after == "preface")
        {
            await peer.SendAsync(Preface.Bytes.ToArray());
        }
        else if (after != "nothing")
        {
            await peer.GreetFirstAsync();
        }
        if (after == "half a frame")
        {
            await peer.SendAsync([(byte)FrameType.Offer, 0, 0]);
        }
        if (after == "half a file")
        {
            await peer.OfferAsync(1, "half", 1000);
            await peer.ContentAsync(1, Content);
        }

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);

        Assert.Equal(FerryErrorCode.Stalled, e.Code);
        Assert.Empty(Visible(pair));
    }

    /// <summary>The server must not keep receipts for somebody who does not take them.</summary>
    [Fact]
    public async Task A_sender_that_never_reads_its_receipts_is_given_up_and_costs_no_memory()
    {
        await using var pair = new NativePair(options => options.StallTimeout = TimeSpan.FromSeconds(2));
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();
        var name = FerryPath.FromBytes(Enumerable.Repeat((byte)'/', ProtocolLimits.MaxPathBytes).ToArray());

        uint entry = 0;
        Task flood = Task.Run(async () =>
        {
            while (true)
            {
                await peer.OfferAsync(++entry, name, 0);
                await peer.EndAsync(entry, []);
            }
        }, Cancel);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        await Assert.ThrowsAnyAsync<IOException>(() => flood);
        Assert.True(e.Code is FerryErrorCode.Stalled, e.ToString());
        Assert.True(entry < 5_000, $"{entry} entries were taken without a receipt being read");
    }

    [Fact]
    public async Task A_client_that_goes_away_in_the_middle_leaves_nothing()
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();
        await peer.OfferAsync(1, "half", Large.Length);
        await peer.ReadAsync(FrameType.Go);
        await peer.ContentAsync(1, Content);
        await pair.ClientStream.DisposeAsync();

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);

        Assert.Equal(FerryErrorCode.ConnectionLost, e.Code);
        Assert.Empty(Visible(pair));
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(pair.Root, ".ferry", "incoming"), "*", SearchOption.AllDirectories));
    }

    private static (FerryErrorCode, Func<ScriptedPeer, Task>) Greeted(FerryErrorCode code, Func<ScriptedPeer, Task> script) => (code, async peer =>
    {
        await peer.GreetFirstAsync();
        try
        {
            await script(peer);
        }
        catch (IOException)
        {
            // The server gave up before all of it was sent.
        }
    }
    );

    private static Task SendGreetingAsync(ScriptedPeer peer, Greeting greeting) =>
        peer.SendAsync([.. Preface.Bytes, .. ScriptedPeer.Frame(FrameType.Greeting, 0, ScriptedPeer.Encode(greeting))]);

    private static IEnumerable<string?> Visible(NativePair pair) =>
        Directory.EnumerateFileSystemEntries(pair.Root).Select(Path.GetFileName).Where(name => name != ".ferry");
}
