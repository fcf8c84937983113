using System.IO.Hashing;
using System.Security.Cryptography;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>How the two sides agree on where content goes on; peers that lie about it, and peers that have never heard of it.</summary>
public sealed class ResumeProtocolTests
{
    private const int Held = 2 << 20;
    private const uint User = 1000;

    private static readonly byte[] Content = RandomNumberGenerator.GetBytes(5 << 20);
    private static readonly Greeting Resuming = ScriptedPeer.Truthful with { Capabilities = [Greeting.Resume] };
    private static readonly Greeting ResumingServer = ScriptedPeer.Truthful with { Capabilities = [Greeting.Store, Greeting.Resume] };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly Dictionary<string, Func<ScriptedPeer, Task>> SenderFaults = new()
    {
        ["resume without a size"] = peer => peer.SendAsync(1, Offer("name") with { Size = null }),
        ["resume of a directory"] = peer => peer.SendAsync(1, Offer("name") with { Kind = EntryKind.Directory }),
        ["from where the go had no offset"] = async peer =>
        {
            await peer.SendAsync(1, Offer("other"));
            await peer.ReadAsync(FrameType.Go);
            await peer.SendAsync(1, new From(0));
        },
        ["from for an entry never offered"] = peer => peer.SendAsync(7, new From(0)),
        ["from with another offset"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.ReadAsync(FrameType.Go);
            await peer.SendAsync(1, new From(Held - 1));
        },
        ["from twice"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.ReadAsync(FrameType.Go);
            await peer.SendAsync(1, new From(Held));
            await peer.SendAsync(1, new From(0));
        },
        ["from before the go"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.SendAsync(1, new From(1));
        },
        ["content before from"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.ReadAsync(FrameType.Go);
            await peer.ContentAsync(1, new byte[100]);
        },
        ["content before the go"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.ContentAsync(1, new byte[100]);
        },
        ["a whole end before from"] = async peer =>
        {
            await peer.SendAsync(1, Offer("name"));
            await peer.ReadAsync(FrameType.Go);
            await peer.EndAsync(1, Content);
        },
    };

    private static readonly Dictionary<string, Func<ScriptedPeer, uint, Task>> ReceiverFaults = new()
    {
        ["an offset beyond the size"] = (peer, entry) => peer.SendAsync(entry, new Go(Content.Length + 1, new byte[16])),
        ["an offset of 0"] = (peer, entry) => peer.SendAsync(entry, new Go(0, new byte[16])),
        ["a hash of another length"] = (peer, entry) => peer.SendAsync(entry, new Go(Held, new byte[15])),
        ["an offset without a hash"] = (peer, entry) => peer.SendAsync(FrameType.Go, entry, ScriptedPeer.Map((1, Held))),
        ["a from"] = (peer, entry) => peer.SendAsync(entry, new From(0)),
    };

    public static TheoryData<string> SenderFaultNames => [.. SenderFaults.Keys];

    public static TheoryData<string> ReceiverFaultNames => [.. ReceiverFaults.Keys];

    [Theory]
    [MemberData(nameof(SenderFaultNames))]
    public async Task What_a_sender_may_not_say_ends_the_connection_and_leaves_the_part(string fault)
    {
        await using NativePair pair = PairWithPart();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync(Resuming);

        await SenderFaults[fault](peer);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        Assert.True(e.Code is FerryErrorCode.Protocol or FerryErrorCode.Limit, e.ToString());
        Assert.Equal(e.Code, (await peer.ReadFailureAsync()).Code);
        Assert.False(File.Exists(Path.Combine(pair.Root, "name")));
    }

    [Fact]
    public async Task Resume_from_a_sender_that_did_not_name_it_ends_the_connection()
    {
        await using NativePair pair = PairWithPart();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await peer.SendAsync(1, Offer("name"));

        Assert.Equal(FerryErrorCode.Protocol, (await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session)).Code);
    }

    [Theory]
    [MemberData(nameof(ReceiverFaultNames))]
    public async Task What_a_receiver_may_not_say_ends_the_connection(string fault)
    {
        await AssertRefusedAsync(ResumingServer, ReceiverFaults[fault], resume: true, FerryErrorCode.Protocol, FerryErrorCode.Limit);
    }

    [Fact]
    public async Task An_old_server_is_not_asked_and_an_offset_from_it_ends_the_connection() =>
        await AssertRefusedAsync(ScriptedPeer.Truthful, (peer, entry) => peer.SendAsync(entry, new Go(Held, new byte[16])), resume: false, FerryErrorCode.Protocol);

    [Theory]
    [InlineData("an old client", User)]
    [InlineData("a small file", User)]
    [InlineData("no mode", User)]
    [InlineData("another user", User + 1)]
    [InlineData("an unknown user", null)]
    public async Task Who_cannot_resume_is_told_of_no_part(string who, uint? user)
    {
        await using NativePair pair = PairWithPart(user);
        using var peer = new ScriptedPeer(pair.ClientStream);
        bool asks = user is not null && who != "an old client";
        await peer.GreetFirstAsync(asks ? Resuming : ScriptedPeer.Truthful);
        byte[] content = who == "a small file" ? Content[..(3 << 20)] : Content;

        await peer.SendAsync(1, Offer("name") with
        {
            Size = content.Length,
            Resume = asks,
            Metadata = new EntryMetadata(who == "no mode" ? null : 0x1A4, null),
        });
        (uint _, byte[] go) = await peer.ReadAsync(FrameType.Go);
        foreach (byte[] piece in content.Chunk(1 << 20))
        {
            await peer.ContentAsync(1, piece);
        }
        await peer.EndAsync(1, content);

        Assert.Equal([0xA0], go);
        ReceiptMessage receipt = await peer.ReadReceiptAsync();
        Assert.Equal((ReceiptResult.Stored, null), (receipt.Result, receipt.ResumedFrom));
        Assert.Equal(content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "name"), Cancel));
    }

    [Theory]
    [InlineData("from the offset")]
    [InlineData("from 0")]
    [InlineData("given up")]
    [InlineData("given up before the go")]
    public async Task A_sender_answers_an_offset_in_one_of_these_ways(string answer)
    {
        await using NativePair pair = PairWithPart();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync(Resuming);
        await peer.SendAsync(1, Offer("name"));
        if (answer != "given up before the go")
        {
            (uint _, byte[] payload) = await peer.ReadAsync(FrameType.Go);
            Go go = Go.Read(MessageReader.NewCborReader(), payload);
            Assert.Equal(Held, go.Offset);
            Assert.Equal(XxHash128.Hash(Content.AsSpan(0, Held)), go.Hash);
        }
        if (answer.StartsWith("given up", StringComparison.Ordinal))
        {
            await peer.SendAsync(1, End.GivenUp(FerryErrorCode.SourceChanged, "it changed"));
            if (answer == "given up before the go")
            {
                await peer.ReadAsync(FrameType.Go);
            }
            Assert.Equal(ReceiptResult.Changed, (await peer.ReadReceiptAsync()).Result);
            Assert.Empty(Directory.EnumerateFiles(Path.Combine(pair.Root, ".ferry", "partials"), "*", SearchOption.AllDirectories));
            return;
        }
        int offset = answer == "from 0" ? 0 : Held;
        await peer.SendAsync(1, new From(offset));
        foreach (byte[] piece in Content[offset..].Chunk(1 << 20))
        {
            await peer.ContentAsync(1, piece);
        }
        await peer.EndAsync(1, Content);

        ReceiptMessage receipt = await peer.ReadReceiptAsync();
        Assert.Equal((ReceiptResult.Stored, offset == 0 ? null : offset), (receipt.Result, receipt.ResumedFrom));
        Assert.Equal(XxHash128.Hash(Content), receipt.Hash);
        Assert.Equal(Content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "name"), Cancel));
    }

    /// <summary>Two under one name in one delivery: the second finds the first alive, which is its own connection.</summary>
    [Fact]
    public async Task A_name_offered_twice_in_one_delivery_is_resumed_once()
    {
        await using NativePair pair = PairWithPart();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync(Resuming);

        await peer.SendAsync(1, Offer("name"));
        (_, byte[] first) = await peer.ReadAsync(FrameType.Go);
        await peer.SendAsync(2, Offer("name"));
        (_, byte[] second) = await peer.ReadAsync(FrameType.Go);

        Assert.NotEqual([0xA0], first);
        Assert.Equal([0xA0], second);
    }

    private static Offer Offer(FerryPath name) =>
        new(EntryKind.File, name, Content.Length, new EntryMetadata(0x1A4, null), Durability.Received) { Resume = true };

    /// <summary>A session of a server that holds the first bytes of the file "name".</summary>
    private static NativePair PairWithPart(uint? user = User) =>
        new(options => PartialFiles.Plant(options.Root, User, "name", Content.AsSpan(0, Held), Content.Length), user: user);

    private static async Task AssertRefusedAsync(Greeting greeting, Func<ScriptedPeer, uint, Task> script, bool resume, params FerryErrorCode[] codes)
    {
        (Stream clientStream, Stream serverStream) = SocketPair.Open();
        using var directory = new TestDirectory();
        await File.WriteAllBytesAsync(directory["name"], Content, Cancel);
        using var peer = new ScriptedPeer(serverStream);
        Task<Failure> server = Task.Run(async () =>
        {
            await peer.GreetSecondAsync(greeting);
            (uint entry, byte[] payload) = await peer.ReadAsync(FrameType.Offer);
            Assert.Equal(resume, Ferry.Wire.Offer.Read(MessageReader.NewCborReader(), payload).Resume);
            await script(peer, entry);
            return await peer.ReadFailureAsync();
        }, Cancel);
        FerryClient client = await FerryClient.OpenAsync(clientStream, new FerryClientOptions(), Cancel);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => client.SendAsync(directory["name"], cancellationToken: Cancel));

        Assert.Contains(e.Code, codes);
        Assert.Equal(e.Code, (await server).Code);
        await serverStream.DisposeAsync();
        await client.DisposeAsync();
    }
}
