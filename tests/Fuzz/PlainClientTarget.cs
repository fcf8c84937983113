using System.Net.Sockets;
using System.Text;
using Ferry.Sending;

namespace Ferry.Fuzz;

/// <summary>What a server of the plain protocol answers, into a real client over a real socket.</summary>
internal sealed class PlainClientTarget : FuzzTarget
{
    private const string Content = "content";

    private readonly LocalSockets sockets = new();
    private readonly string hash = ContentHash.ToText(ContentHash.XxHash, ContentHash.Of(ContentHash.XxHash, Encoding.UTF8.GetBytes(Content)));

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds() => new[]
    {
        "", "Message received!", "Message received!Message received!", $"Message received!Message received!\nStored 7 bytes {hash} durable name\n",
        $"Message received!\nStored 7 bytes {hash} received name.1\n", $"Message received!Message received!\nStored 8 bytes {hash} durable name\n",
        "Message received!\nRefused no-space: there is no room\n", "\nRefused exists: it is there\n", "\nRefused x\n", "Message rec",
    }.Select((says, i) => ($"answer{i}", Encoding.UTF8.GetBytes(says)));

    public override void Dispose() => sockets.Dispose();

    protected override void Take(byte[] input)
    {
        (Socket peer, Socket ours) = sockets.Connect();
        using (peer)
        using (ours)
        {
            peer.Send(input);
            peer.Shutdown(SocketShutdown.Send);
            try
            {
                Receipt receipt = Task.Run(() => SendAsync(ours)).GetAwaiter().GetResult();
                Check(receipt);
            }
            catch (FerryException e)
            {
                FindingException.ThrowIfInternal(e);
            }
        }
    }

    private static async Task<Receipt> SendAsync(Socket socket)
    {
        using var content = new OutgoingContent.OfStream(new MemoryStream(Encoding.UTF8.GetBytes(Content)));
        using var delivery = new PlainDelivery(socket, TimeSpan.FromSeconds(60), new ProgressCounter(null), CancellationToken.None);
        return await delivery.SendAsync("name", content);
    }

    private void Check(Receipt receipt)
    {
        if (receipt.Result == ReceiptResult.Stored && (receipt.Size != Content.Length || receipt.Hash != hash))
        {
            throw new FindingException($"stored with {receipt.Size} bytes and hash {receipt.Hash}");
        }
    }
}
