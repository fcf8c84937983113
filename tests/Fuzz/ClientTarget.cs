namespace Ferry.Fuzz;

/// <summary>
/// A receiver's bytes into a real client that sends a small tree and a stream, or a file large enough to be gone on with. The first byte of the input says
/// which, and how they come: 0 frame by frame, each when the client waits.
/// </summary>
internal sealed class ClientTarget : FuzzTarget
{
    /// <summary>In the first byte of the input: the large file is sent.</summary>
    public const byte Large = 0x80;

    private static readonly int[] Pieces = [0, 1, 7, 100, MostBytes];

    private readonly SourceFiles sources = new();

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds() => Recording.OfServers(sources);

    public override void Dispose() => sources.Dispose();

    protected override void Take(byte[] input)
    {
        int how = input.Length > 0 ? input[0] : 0;
        var peer = new HostilePeer(input[Math.Min(1, input.Length)..], Pieces[(how & ~Large) % Pieces.Length], waits: true);
        try
        {
            Task.Run(() => (how & Large) == 0 ? SendAsync(peer) : SendLargeAsync(peer)).GetAwaiter().GetResult();
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
            if (receipt.Kind == EntryKind.File && awaited.TryGetValue(receipt.Name, out long size))
            {
                Check(receipt, size);
            }
        }
        await client.SendAsync(new MemoryStream(new byte[100]), "stream");
    }

    private async Task SendLargeAsync(HostilePeer peer)
    {
        await using FerryClient client = await FerryClient.OpenAsync(peer, new FerryClientOptions(), CancellationToken.None);
        Check(await client.SendAsync(sources.Large), SourceFiles.LargeSize);
    }

    private static void Check(Receipt receipt, long size)
    {
        if (receipt.Result == ReceiptResult.Stored && receipt.Size != size)
        {
            throw new FindingException($"{receipt.Name} has {size} bytes and is stored with {receipt.Size}");
        }
    }
}
