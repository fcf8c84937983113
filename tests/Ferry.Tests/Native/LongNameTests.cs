using Ferry.Server;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>The longest names, and what a peer can make a server keep with them. Alone, because memory is measured over the whole process.</summary>
[Collection(Alone.Name)]
public sealed class LongNameTests
{
    private const int LongestComponent = 255;

    private static readonly byte[] Content = "content"u8.ToArray();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Theory]
    [InlineData(true, 36)]
    [InlineData(false, 60)]
    public async Task As_many_long_names_as_may_be_under_way_cost_a_few_tens_of_MiB(bool open, int mostMiB)
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();
        await File.WriteAllBytesAsync(Path.Combine(pair.Root, "file"), Content, Cancel);
        // Bytes that are shown four times as long; below a file nothing can be made, and each refusal names what it was for.
        FerryPath name = NameOf(ProtocolLimits.MaxPathBytes, 0xFF, open ? "directory/" : "file/");
        long before = GC.GetTotalMemory(forceFullCollection: true);

        uint entry = 0;
        while (entry < ProtocolLimits.MaxEntries + ProtocolLimits.MaxDescriptors - 1)
        {
            // Small files wait for their content; others are refused at once.
            await peer.OfferAsync(++entry, name, open ? 10 : ProtocolLimits.MaxInlineBytes + 1);
            if (!open)
            {
                Assert.Equal(FerryErrorCode.NotDirectory, (await peer.ReadReceiptAsync()).Code);
            }
        }
        for (int directories = 0; directories < ProtocolLimits.MaxLevels; directories++)
        {
            await peer.OfferAsync(++entry, name, kind: EntryKind.Directory);
        }
        await peer.OfferAsync(++entry, "../last", ProtocolLimits.MaxInlineBytes + 1);
        Assert.Equal(FerryErrorCode.BadName, (await peer.ReadReceiptAsync()).Code);

        long kept = GC.GetTotalMemory(forceFullCollection: true) - before;
        Assert.True(kept < mostMiB << 20, $"{entry} names of {name.Bytes.Length} bytes keep {kept} bytes");
    }

    [Fact]
    public async Task A_name_that_is_longer_ends_the_connection()
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();

        await peer.OfferAsync(1, NameOf(ProtocolLimits.MaxPathBytes + 1, (byte)'n'), 0);

        Assert.Equal(FerryErrorCode.Limit, (await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session)).Code);
        Assert.Equal(FerryErrorCode.Limit, (await peer.ReadFailureAsync()).Code);
    }

    [Fact]
    public async Task The_longest_name_is_stored_and_numbered_and_a_longer_one_is_refused_by_itself()
    {
        await using var pair = new NativePair(options => options.Existing = ExistingFiles.Number);
        await using FerryClient client = await pair.ConnectAsync();
        FerryPath longest = NameOf(ProtocolLimits.MaxPathBytes, (byte)'n', "short/");

        Receipt stored = await client.SendAsync(new MemoryStream(Content), longest, cancellationToken: Cancel);
        Receipt numbered = await client.SendAsync(new MemoryStream(Content), longest, cancellationToken: Cancel);
        FerryException longer = await Assert.ThrowsAsync<FerryException>(
            () => client.SendAsync(new MemoryStream(Content), NameOf(ProtocolLimits.MaxPathBytes + 1, (byte)'n'), cancellationToken: Cancel));
        Receipt next = await client.SendAsync(new MemoryStream(Content), "next", cancellationToken: Cancel);

        Assert.Equal((ReceiptResult.Stored, longest), (stored.Result, stored.Name));
        Assert.Equal((ReceiptResult.Stored, (FerryPath)$"{longest}.1"), (numbered.Result, numbered.Name));
        Assert.Equal(FerryErrorCode.NameTooLong, longer.Code);
        Assert.Equal(ReceiptResult.Stored, next.Result);
    }

    /// <summary>Where it waits it has a longer path than the kernel takes in one call.</summary>
    [Fact]
    public async Task The_longest_name_arrives_in_a_directory_that_arrives_whole()
    {
        await using var pair = new NativePair();
        using var peer = new ScriptedPeer(pair.ClientStream);
        await peer.GreetFirstAsync();
        FerryPath name = NameOf(ProtocolLimits.MaxPathBytes - 2, (byte)'n', "t/");

        await peer.SendAsync(1, new Offer(EntryKind.Directory, "t", null, default, null, Atomic: true));
        await peer.ReadAsync(FrameType.Go);
        await peer.FileAsync(2, $"{name}/f", Content);
        ReceiptMessage held = await peer.ReadReceiptAsync();
        await peer.SendAsync(1, End.WithoutContent);

        Assert.Equal((ReceiptResult.Held, null), (held.Result, held.Reason));
        Assert.Equal(ReceiptResult.Stored, (await peer.ReadReceiptAsync()).Result);
    }

    /// <summary>A name of so many bytes, in components as long as may be; the last is shorter, so that there is room for a number.</summary>
    private static FerryPath NameOf(int bytes, byte character, string begins = "")
    {
        byte[] name = [.. System.Text.Encoding.ASCII.GetBytes(begins), .. Enumerable.Repeat(character, bytes - begins.Length)];
        for (int at = begins.Length + LongestComponent; at < bytes - 1; at += LongestComponent + 1)
        {
            name[at] = (byte)'/';
        }
        return FerryPath.FromBytes(name);
    }
}
