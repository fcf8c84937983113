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
        var peer = new HostilePeer(says, Pieces[(how & 0x0F) % Pieces.Length], waits: (how & 0x40) == 0);
        List<Offer> offers = OffersIn(says);
        ScratchStore store = stores.For((ExistingFiles)((how >> 4) & 3));
        SessionContext context = store.Begin((how & 0x80) == 0 ? User : null, holdsPart: offers.Exists(offer => offer.Resume));
        try
        {
            Task.Run(() => NativeSession.RunAsync(peer, context)).GetAwaiter().GetResult();
        }
        catch (FerryConnectionException e)
        {
            FindingException.ThrowIfInternal(e);
        }
        store.End(replacesTrees: offers.Exists(offer => offer.Atomic));
    }

    /// <summary>The offers that the session may understand.</summary>
    private static List<Offer> OffersIn(ReadOnlyMemory<byte> says)
    {
        List<Offer> offers = [];
        says = says[Math.Min(says.Length, Preface.Bytes.Length)..];
        while (says.Length >= FrameHeader.Size)
        {
            FrameHeader header = FrameHeader.Read(says.Span);
            int end = Math.Min(says.Length, FrameHeader.Size + header.Length);
            try
            {
                if (header.Type == FrameType.Offer)
                {
                    offers.Add(Offer.Read(MessageReader.NewCborReader(), says[FrameHeader.Size..end]));
                }
            }
            catch (FerryException)
            {
                // The session refuses it as well.
            }
            says = says[end..];
        }
        return offers;
    }
}
