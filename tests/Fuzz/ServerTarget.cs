using Ferry.Server;
using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>A sender's bytes into a real session with a real store. The first byte of the input says how they come, and what the server does with existing files.</summary>
internal sealed class ServerTarget : FuzzTarget
{
    private static readonly int[] Pieces = [MostBytes, 1, 7, 100, 4096, 5000, 0];

    /// <summary>Whose deliveries they are.</summary>
    public const uint User = 1000;

    private readonly ScratchStores stores = new();

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds() => Recording.OfClients().Concat(Recording.OfDeliveries()).Concat(Recording.OfResumedFiles());

    public override void Dispose() => stores.Dispose();

    protected override void Take(byte[] input)
    {
        int how = input.Length > 0 ? input[0] : 0;
        byte[] says = input[Math.Min(1, input.Length)..];
        var peer = new HostilePeer(says, HostilePeer.Pieces(Pieces[(how & 0x0F) % Pieces.Length]), waits: (how & 0x40) == 0);
        ScratchStore store = stores.For((ExistingFiles)((how >> 4) & 3));
        SessionContext context = store.Begin((how & 0x80) == 0 ? User : null, holdsPart: Offers(says, offer => offer.Resume));
        try
        {
            Task.Run(() => NativeSession.RunAsync(peer, context)).GetAwaiter().GetResult();
        }
        catch (FerryConnectionException e)
        {
            FindingException.ThrowIfInternal(e);
        }
        store.End(replacesTrees: Offers(says, offer => offer.Atomic));
    }

    private static bool Offers(ReadOnlyMemory<byte> says, Predicate<Offer> isMeant)
    {
        says = says[Math.Min(says.Length, Preface.Bytes.Length)..];
        while (says.Length >= FrameHeader.Size)
        {
            FrameHeader header = FrameHeader.Read(says.Span);
            int end = Math.Min(says.Length, FrameHeader.Size + header.Length);
            if (header.Type == FrameType.Offer && IsMeant(says[FrameHeader.Size..end], isMeant))
            {
                return true;
            }
            says = says[end..];
        }
        return false;
    }

    private static bool IsMeant(ReadOnlyMemory<byte> payload, Predicate<Offer> isMeant)
    {
        try
        {
            return isMeant(Offer.Read(MessageReader.NewCborReader(), payload));
        }
        catch (FerryException)
        {
            // The session refuses it as well.
            return false;
        }
    }
}
