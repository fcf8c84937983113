using CsCheck;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Wire;

public sealed class FrameReaderTests
{
    private static readonly TimeSpan Stall = TimeSpan.FromSeconds(30);

    [Fact]
    public async Task Frames_are_the_same_wherever_the_input_is_split()
    {
        byte[] bytes = await SampleAsync();
        string whole = await ReadAllAsync(bytes, () => int.MaxValue);
        for (int at = 1; at < bytes.Length; at++)
        {
            int split = at;
            int calls = 0;
            Assert.Equal(whole, await ReadAllAsync(bytes, () => calls++ == 0 ? split : int.MaxValue));
        }
        Assert.Equal(whole, await ReadAllAsync(bytes, () => 1));
    }

    [Fact]
    public void Content_survives_pieces_of_any_size() =>
        Gen.Select(Gen.Byte.Array[0, 700_000], Gen.Int[1, 400_000].Array[1, 20]).Sample(
            (content, sizes) =>
            {
                byte[] bytes = FramesOf(content, pieceSize: 300_000);
                int next = 0;
                return ContentOf(bytes, () => sizes[next++ % sizes.Length]).AsSpan().SequenceEqual(content);
            },
            iter: 60);

    [Theory]
    [InlineData((byte)FrameType.Content, ProtocolLimits.MaxContentBytes)]
    [InlineData((byte)FrameType.Offer, ProtocolLimits.MaxControlBytes)]
    public async Task A_frame_longer_than_the_limit_is_refused_before_its_payload_comes(byte type, int limit)
    {
        byte[] header = new byte[FrameHeader.Size];
        new FrameHeader((FrameType)type, 1, limit + 1).Write(header);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => ReadAllAsync(header, () => int.MaxValue));

        Assert.Equal(FerryErrorCode.Limit, e.Code);
    }

    [Fact]
    public async Task An_unknown_frame_type_is_refused_as_unsupported()
    {
        byte[] header = new byte[FrameHeader.Size];
        new FrameHeader((FrameType)99, 0, 0).Write(header);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => ReadAllAsync(header, () => int.MaxValue));

        Assert.Equal(FerryErrorCode.Unsupported, e.Code);
    }

    [Theory]
    [InlineData((byte)FrameType.Offer, 0u)]
    [InlineData((byte)FrameType.Content, 0u)]
    [InlineData((byte)FrameType.Finish, 1u)]
    [InlineData((byte)FrameType.Alive, 7u)]
    public async Task A_frame_about_the_wrong_thing_is_refused(byte type, uint entry)
    {
        byte[] header = new byte[FrameHeader.Size];
        new FrameHeader((FrameType)type, entry, 0).Write(header);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => ReadAllAsync(header, () => int.MaxValue));

        Assert.Equal(FerryErrorCode.Protocol, e.Code);
    }

    [Fact]
    public async Task An_end_in_the_middle_of_a_frame_is_a_lost_connection()
    {
        byte[] bytes = await SampleAsync();
        for (int length = 0; length < bytes.Length; length++)
        {
            FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => ReadAllAsync(bytes[..length], () => int.MaxValue));
            Assert.Equal(FerryErrorCode.ConnectionLost, e.Code);
        }
    }

    /// <summary>A name so long that its frame does not fit the reader's usual buffer.</summary>
    [Fact]
    public async Task The_longest_name_fits_a_frame()
    {
        var name = FerryPath.FromBytes(Enumerable.Repeat((byte)'n', ProtocolLimits.MaxPathBytes).ToArray());
        using var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, Stall);
        writer.Add(1, new Offer(EntryKind.File, name, 1, default, null));
        writer.Add(0, new Finish());
        await writer.FlushAsync(TestContext.Current.CancellationToken);

        using var reader = new FrameReader(new PiecewiseStream(stream.ToArray(), () => 4096), Stall);
        Frame frame = await reader.ReadAsync(TestContext.Current.CancellationToken);

        Assert.Equal(name, Offer.Read(reader.Cbor, frame.Payload).Name);
        Assert.Equal(FrameType.Finish, (await reader.ReadAsync(TestContext.Current.CancellationToken)).Type);
    }

    /// <summary>Whoever shares a buffer works on it while the reader goes on.</summary>
    [Fact]
    public async Task A_frame_stays_as_it_is_while_its_buffer_is_shared_and_the_buffer_is_used_again_after_that()
    {
        byte[] content = new byte[60_000];
        Random.Shared.NextBytes(content);
        using var reader = new FrameReader(new PiecewiseStream([.. Enumerable.Repeat(FramesOf(content, content.Length)[..(FrameHeader.Size + content.Length)], 40).SelectMany(frame => frame)], () => 50_000), Stall);

        Frame first = await reader.ReadAsync(TestContext.Current.CancellationToken);
        FrameBuffer shared = reader.TryShareBuffer()!;
        for (int i = 0; i < 10; i++)
        {
            await reader.ReadAsync(TestContext.Current.CancellationToken);
        }
        Assert.Equal(content, first.Payload.ToArray());
        FrameBuffer own = Shared(reader);
        Assert.NotSame(shared, own);
        own.Release();
        shared.Release();
        Assert.False(own.IsShared);
        for (int i = 0; i < 20; i++)
        {
            await reader.ReadAsync(TestContext.Current.CancellationToken);
        }

        FrameBuffer later = Shared(reader);
        later.Release();
        Assert.Same(own, later);

        static FrameBuffer Shared(FrameReader reader) => reader.TryShareBuffer()!;
    }

    /// <summary>One byte of content may keep a whole buffer: a peer that never ends its small files must not keep one for each.</summary>
    [Fact]
    public async Task Only_so_many_buffers_are_kept_by_others()
    {
        byte[] content = new byte[60_000];
        using var reader = new FrameReader(new PiecewiseStream([.. Enumerable.Repeat(FramesOf(content, content.Length)[..(FrameHeader.Size + content.Length)], 400).SelectMany(frame => frame)], () => int.MaxValue), Stall);
        HashSet<FrameBuffer> kept = [];
        for (int i = 0; i < 400; i++)
        {
            await reader.ReadAsync(TestContext.Current.CancellationToken);
            if (reader.TryShareBuffer() is { } buffer && !kept.Add(buffer))
            {
                buffer.Release();
            }
        }
        Assert.InRange(kept.Count, 2, 33);

        Assert.Null(reader.TryShareBuffer());
        foreach (FrameBuffer buffer in kept)
        {
            buffer.Release();
        }
        FrameBuffer? again = reader.TryShareBuffer();
        Assert.NotNull(again);
        again.Release();
    }

    private static async Task<byte[]> SampleAsync()
    {
        using var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, Stall);
        var offer = new Offer(EntryKind.File, "a/b", 5, new EntryMetadata(0x1A4, new FileTime(-1, 999_999_999)), Durability.Durable);
        writer.AddFile(1, offer, "hello"u8, End.OfFile(5, [1, 2, 3]));
        writer.Add(0, new Alive());
        writer.Add(0, new Finish());
        await writer.FlushAsync(CancellationToken.None);
        return stream.ToArray();
    }

    /// <summary>The frames up to and with finish as text; content pieces are joined.</summary>
    private static async Task<string> ReadAllAsync(byte[] bytes, Func<int> nextSize)
    {
        using var reader = new FrameReader(new PiecewiseStream(bytes, nextSize), Stall);
        string text = "";
        while (true)
        {
            Frame frame = await reader.ReadAsync(CancellationToken.None);
            string payload = Convert.ToHexString(frame.Payload.Span);
            string start = $"\n{frame.Type} {frame.Entry} ";
            bool continues = frame.Type == FrameType.Content && text.Contains(start, StringComparison.Ordinal);
            text += continues ? payload : start + payload;
            if (frame.Type == FrameType.Finish)
            {
                return text;
            }
        }
    }

    private static byte[] FramesOf(byte[] content, int pieceSize)
    {
        using var stream = new MemoryStream();
        byte[] header = new byte[FrameHeader.Size];
        foreach (byte[] piece in content.Chunk(pieceSize))
        {
            new FrameHeader(FrameType.Content, 1, piece.Length).Write(header);
            stream.Write(header);
            stream.Write(piece);
        }
        new FrameHeader(FrameType.Finish, 0, 0).Write(header);
        stream.Write(header);
        return stream.ToArray();
    }

    private static byte[] ContentOf(byte[] bytes, Func<int> nextSize)
    {
        using var reader = new FrameReader(new PiecewiseStream(bytes, nextSize), Stall);
        using var content = new MemoryStream();
        while (true)
        {
            // The stream never waits, so the task is complete.
            Frame frame = reader.ReadAsync(CancellationToken.None).AsTask().GetAwaiter().GetResult();
            if (frame.Type == FrameType.Finish)
            {
                return content.ToArray();
            }
            content.Write(frame.Payload.Span);
        }
    }
}
