using System.Buffers.Binary;
using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>A receiver's bytes into a real client that sends a small tree and a stream. The first byte of the input says how they come: 0 frame by frame, each when the client waits.</summary>
internal sealed class ClientTarget : FuzzTarget
{
    private static readonly int[] Pieces = [0, 1, 7, 100, MostBytes];

    private readonly SourceFiles sources = new();

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds() => Recording.OfServers(sources);

    public override void Dispose() => sources.Dispose();

    protected override void Take(byte[] input)
    {
        int piece = Pieces[(input.Length > 0 ? input[0] : 0) % Pieces.Length];
        var peer = new HostilePeer(input[Math.Min(1, input.Length)..], left => piece > 0 ? piece : FrameIn(left.Span), waits: true);
        try
        {
            Task.Run(() => SendAsync(peer)).GetAwaiter().GetResult();
        }
        catch (FerryException e)
        {
            FindingException.ThrowIfInternal(e);
        }
    }

    private async Task SendAsync(HostilePeer peer)
    {
        await using FerryClient client = await FerryClient.OpenAsync(peer, new FerryClientOptions(), CancellationToken.None);
        Dictionary<FerryPath, long> awaited = sources.Sizes.ToDictionary();
        await foreach (Receipt receipt in client.SendManyAsync([sources.Tree]))
        {
            // With --existing number the name may be another.
            if (receipt is { Result: ReceiptResult.Stored, Kind: EntryKind.File } && awaited.TryGetValue(receipt.Name, out long size) && receipt.Size != size)
            {
                throw new FindingException($"{receipt.Name} has {size} bytes and is stored with {receipt.Size}");
            }
        }
        await client.SendAsync(new MemoryStream(new byte[100]), "stream");
    }

    /// <summary>The preface, or the frame that begins here.</summary>
    private static int FrameIn(ReadOnlySpan<byte> left)
    {
        if (left.StartsWith(Preface.Bytes))
        {
            return Preface.Bytes.Length;
        }
        return left.Length < FrameHeader.Size ? left.Length : FrameHeader.Size + (int)(BinaryPrimitives.ReadUInt32BigEndian(left) & 0xFFFFFF);
    }
}
