using System.Net.Sockets;
using System.Text;

namespace Ferry.Soak;

/// <summary>Clients in this process: the library over the native protocol, and the plain protocol by hand. Each delivery is over when its method returns.</summary>
internal sealed class LibraryClients(ServerProcess server, Contents contents, Ledger ledger)
{
    private const int MostFiles = 12;

    /// <summary>Some files over one connection, passed open, from a stream or streamed from a file, and sometimes broken off in the middle.</summary>
    public async Task NativeAsync(string into, bool breaksOff)
    {
        List<Receipt> stored = [];
        using var patience = new CancellationTokenSource();
        if (breaksOff)
        {
            patience.CancelAfter(TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * 60));
        }
        try
        {
            await using FerryClient client = await FerryClient.ConnectAsync(
                server.Socket, new FerryClientOptions { Descriptors = Random.Shared.Next(2) == 0 }, patience.Token);
            if (Random.Shared.Next(2) == 0)
            {
                await SendTreeAsync(client, into, stored, patience.Token);
            }
            else
            {
                await SendStreamsAsync(client, into, stored, patience.Token);
            }
        }
        catch (Exception e) when (breaksOff && e is OperationCanceledException or FerryConnectionException)
        {
            // What had its receipt by then is checked all the same.
        }
        catch (FerryException e)
        {
            ledger.Fault($"{into}: {e.Message}");
        }
        foreach (Receipt receipt in stored.Where(receipt => receipt.Kind == EntryKind.File))
        {
            ledger.CheckReceipt(receipt.Name.ToString(), receipt.Size, receipt.Hash);
        }
        ledger.CheckWhole(into);
    }

    /// <summary>One file over the plain protocol. It has no length, so one that is broken off looks whole to the server; nothing is concluded from what is there.</summary>
    public async Task PlainAsync(string into, bool breaksOff)
    {
        // What is broken off comes to stand there in its own time, so it always takes the place of the one before.
        string name = breaksOff ? $"{into[..into.LastIndexOf('-')]}.broken" : $"{into}.plain";
        ReadOnlyMemory<byte> content = contents.Of(Contents.NewName());
        using var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        await socket.ConnectAsync(new UnixDomainSocketEndPoint(server.Socket));
        using var stream = new NetworkStream(socket);
        await socket.SendAsync(Encoding.UTF8.GetBytes($"{name}\n"));
        try
        {
            await socket.SendAsync(breaksOff ? content[..(content.Length / 2)] : content);
            if (breaksOff)
            {
                return;
            }
            socket.Shutdown(SocketShutdown.Send);
            using var reader = new StreamReader(stream);
            string[] words = (await reader.ReadToEndAsync()).TrimEnd('\n').Split('\n')[^1].Split(' ');
            if (words is ["Stored", string size, "bytes", string hash, ..] && long.Parse(size) == content.Length)
            {
                ledger.CheckReceipt(name, content.Length, hash);
            }
            else
            {
                ledger.Fault($"{name}: {string.Join(' ', words)}");
            }
        }
        catch (SocketException e)
        {
            ledger.Fault($"{name}: {e.Message}");
        }
        finally
        {
            if (!breaksOff)
            {
                File.Delete(Path.Combine(server.Root, name));
            }
        }
    }

    private async Task SendTreeAsync(FerryClient client, string into, List<Receipt> stored, CancellationToken cancellationToken)
    {
        string tree = contents.MakeTree(into, Random.Shared.Next(1, MostFiles));
        try
        {
            await foreach (Receipt receipt in client.SendManyAsync([tree], cancellationToken: cancellationToken))
            {
                Note(receipt, stored);
            }
        }
        finally
        {
            Directory.Delete(tree, recursive: true);
        }
    }

    private async Task SendStreamsAsync(FerryClient client, string into, List<Receipt> stored, CancellationToken cancellationToken)
    {
        for (int i = Random.Shared.Next(1, MostFiles); i > 0; i--)
        {
            string name = Contents.NewName();
            Note(await client.SendAsync(new MemoryStream(contents.Of(name).ToArray()), name, new SendOptions { Into = into }, cancellationToken), stored);
        }
    }

    private void Note(Receipt receipt, List<Receipt> stored)
    {
        if (receipt.Result == ReceiptResult.Stored)
        {
            stored.Add(receipt);
        }
        else if (receipt.Result is not (ReceiptResult.Unknown or ReceiptResult.Unreadable))
        {
            ledger.Fault($"{receipt.Name}: {receipt.Result}: {receipt.Reason}");
        }
    }
}
