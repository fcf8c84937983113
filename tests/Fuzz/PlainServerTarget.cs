using System.Net.Sockets;
using System.Text;
using Ferry.Server;

namespace Ferry.Fuzz;

/// <summary>What a client of the plain protocol sends, over a real socket. The first byte of the input says whether it closes at once or waits for the last line.</summary>
internal sealed class PlainServerTarget : FuzzTarget
{
    private readonly LocalSockets sockets = new();
    private readonly ScratchStores stores = new();

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds()
    {
        foreach (string says in new[] { "name\ncontent", "file\nnew", "link\nx", "directory\nx", ".ferry\nx", "a/b\nx", "\nx", "no end of line", "name\n", "PUT /x HTTP/1.1\r\n\r\n" })
        {
            yield return ($"seed-{says.Length}-{(int)says[0]:x}", [0, .. Encoding.UTF8.GetBytes(says)]);
            yield return ($"closed-{says.Length}-{(int)says[0]:x}", [1, .. Encoding.UTF8.GetBytes(says)]);
        }
        yield return ("large", [0, .. "large\n"u8, .. new byte[10_000]]);
    }

    public override void Dispose()
    {
        sockets.Dispose();
        stores.Dispose();
    }

    protected override void Take(byte[] input)
    {
        int how = input.Length > 0 ? input[0] : 0;
        (Socket peer, Socket ours) = sockets.Connect();
        using (peer)
        using (ours)
        {
            peer.Send(input.AsSpan(Math.Min(1, input.Length)));
            bool reads = (how & 1) == 0;
            if (reads)
            {
                peer.Shutdown(SocketShutdown.Send);
            }
            else
            {
                peer.Close();
            }
            ScratchStore store = stores.For((ExistingFiles)((how >> 4) & 3));
            SessionContext context = store.Begin();
            Task.Run(() => PlainSession.RunAsync(ours, context)).GetAwaiter().GetResult();
            ours.Close();
            if (reads)
            {
                CheckLastLine(ReadToEnd(peer));
            }
            store.End();
        }
    }

    /// <summary>Exactly one of two words begins it, whatever was sent.</summary>
    private static void CheckLastLine(string heard)
    {
        string line = heard.TrimEnd('\n').Split('\n')[^1];
        if (!heard.EndsWith('\n') || !(line.StartsWith("Stored ", StringComparison.Ordinal) || line.StartsWith("Refused ", StringComparison.Ordinal)))
        {
            throw new FindingException($"the last line is: {line}");
        }
    }

    private static string ReadToEnd(Socket socket)
    {
        var heard = new StringBuilder();
        byte[] buffer = new byte[4096];
        try
        {
            while (socket.Receive(buffer) is var count and > 0)
            {
                heard.Append(Encoding.UTF8.GetString(buffer, 0, count));
            }
        }
        catch (SocketException)
        {
            // The server closed with something unread.
        }
        return heard.ToString();
    }
}
