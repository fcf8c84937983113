using System.Net.Sockets;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Wire;

public sealed class FrameWriterTests
{
    private static readonly TimeSpan Stall = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Frames_added_and_sent_by_many_threads_stay_whole_and_in_each_threads_order()
    {
        const int Threads = 8, Each = 2_000;
        (Stream client, Stream server) = SocketPair.Open();
        using var writer = new FrameWriter(server, Patience);
        using var reader = new FrameReader(client, Patience);

        Task writing = Task.WhenAll(Enumerable.Range(1, Threads).Select(thread => Task.Run(async () =>
        {
            for (int i = 0; i < Each; i++)
            {
                writer.Add((uint)thread, Offer(new string((char)('a' + thread), i % 300), i));
                if (i % 7 == 0)
                {
                    await writer.FlushAsync(Cancel);
                }
                await writer.KeepAliveAsync(TimeSpan.FromMilliseconds(1), Cancel);
            }
            await writer.FlushAsync(Cancel);
        })));
        int[] next = new int[Threads + 1];
        for (int read = 0; read < Threads * Each;)
        {
            Frame frame = await reader.ReadAsync(Cancel);
            if (frame.Type == FrameType.Offer)
            {
                Offer offer = Ferry.Wire.Offer.Read(reader.Cbor, frame.Payload);
                int i = next[frame.Entry]++;
                Assert.Equal((new string((char)('a' + frame.Entry), i % 300), i), (offer.Name.ToString(), offer.Size));
                read++;
            }
        }

        await writing;
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    /// <summary>Whatever came after it, the peer would read it as the rest of that frame.</summary>
    [Fact]
    public async Task Nothing_is_sent_behind_a_frame_that_was_cut_short()
    {
        (Stream client, Stream server) = SocketPair.Open();
        using var writer = new FrameWriter(server, Stall);
        for (int i = 0; i < 50; i++)
        {
            writer.Add(1, Offer(new string('n', 50_000), 1));
        }
        FerryConnectionException stalled = await Assert.ThrowsAsync<FerryConnectionException>(() => writer.FlushAsync(Cancel).AsTask());
        byte[] room = new byte[100_000];
        int taken = 0;
        while (((NetworkStream)client).DataAvailable)
        {
            taken += await client.ReadAsync(room, Cancel);
        }

        writer.Add(0, new Finish());
        FerryConnectionException next = await Assert.ThrowsAsync<FerryConnectionException>(() => writer.FlushAsync(Cancel).AsTask());
        await Assert.ThrowsAsync<FerryConnectionException>(() => writer.KeepAliveAsync(TimeSpan.Zero, Cancel).AsTask());
        await writer.SendLastAsync(new Failure(FerryErrorCode.Stalled, "stalled"), Cancel);
        await server.DisposeAsync();

        Assert.Equal((FerryErrorCode.Stalled, FerryErrorCode.Stalled), (stalled.Code, next.Code));
        Assert.InRange(taken, 1, 50 * 50_000);
        Assert.Equal(0, await client.ReadAsync(room, Cancel));
        await client.DisposeAsync();
    }

    /// <summary>Of a frame that was given up when it was about to be sent nothing was sent, so what the peer has to be told can follow.</summary>
    [Theory]
    [InlineData(300)]
    [InlineData(Timeout.Infinite)]
    public async Task What_ends_a_connection_is_told_also_when_a_frame_was_about_to_be_sent(int stallMilliseconds)
    {
        (Stream client, Stream server) = SocketPair.Open();
        using var givenUp = new CancellationTokenSource();
        await using var interrupted = new InterruptedStream(server, _ => givenUp.Cancel());
        using var writer = new FrameWriter(interrupted, TimeSpan.FromMilliseconds(stallMilliseconds));
        using var peer = new ScriptedPeer(client);
        writer.AddPreface();
        writer.Add(1, Offer("name", 1));
        await Record.ExceptionAsync(() => writer.FlushAsync(givenUp.Token).AsTask());

        await writer.SendLastAsync(new Failure(FerryErrorCode.Protocol, "reason"), Cancel);
        await server.DisposeAsync();

        // Whether the frame itself was sent does not matter.
        Assert.Equal(FerryErrorCode.Protocol, (await peer.ReadFailureAsync()).Code);
        await client.DisposeAsync();
    }

    /// <summary>The side that gave the connection up has the reason; who was sending meanwhile learns that it is over.</summary>
    [Fact]
    public async Task A_stream_closed_under_a_frame_is_a_lost_connection()
    {
        (Stream client, Stream server) = SocketPair.Open();
        await using var interrupted = new InterruptedStream(server, stream => stream.Dispose());
        using var writer = new FrameWriter(interrupted, Patience);
        writer.Add(0, new Finish());

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => writer.FlushAsync(Cancel).AsTask());

        Assert.Equal(FerryErrorCode.ConnectionLost, e.Code);
        await server.DisposeAsync();
        await client.DisposeAsync();
    }

    /// <summary>It would hold up, for ever, whoever has something to say.</summary>
    [Fact]
    public async Task A_sign_of_life_that_is_not_taken_ends_like_any_other_frame()
    {
        (Stream client, Stream server) = SocketPair.Open();
        using var writer = new FrameWriter(server, Stall);
        Task flood = Task.Run(async () =>
        {
            while (true)
            {
                await writer.KeepAliveAsync(TimeSpan.Zero, Cancel);
            }
        }, Cancel);

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => flood.WaitAsync(Patience, Cancel));

        Assert.Equal(FerryErrorCode.Stalled, e.Code);
        await client.DisposeAsync();
        await server.DisposeAsync();
    }

    private static Offer Offer(string name, long size) => new(EntryKind.File, name, size, default, null);

    /// <summary>A stream to which something happens just before each write.</summary>
    private sealed class InterruptedStream(Stream stream, Action<Stream> interrupt) : NetworkStream(((NetworkStream)stream).Socket)
    {
        public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
        {
            interrupt(this);
            return base.WriteAsync(buffer, cancellationToken);
        }
    }
}
