using System.Net.Sockets;
using Ferry.Files;
using Ferry.Native;
using Ferry.Server.Storage;
using Ferry.Wire;

namespace Ferry.Server;

/// <summary>
/// Serves one connection of the plain protocol: a name line, then content until the sender closes. It acknowledges what it receives
/// without ever waiting for the acknowledgement to be read, and ends with one line that says what became of the file.
/// </summary>
internal sealed class PlainSession : IDisposable
{
    private const int SmallBufferSize = 4096;

    /// <summary>
    /// Room for some 20 acknowledgements that nobody reads: little memory of the kernel's for many deaf clients, all in one receive of the
    /// study's client with none cut in two, and still enough for any last line in one piece.
    /// </summary>
    private const int SendBufferSize = 8 * 1024;

    private static readonly byte[] Acknowledgement = "Message received!"u8.ToArray();

    private readonly Socket socket;
    private readonly SessionContext context;
    private readonly Delivery delivery;
    private readonly CancellationTokenSource deadline;
    private byte[] buffer = new byte[SmallBufferSize];
    private bool large;

    private PlainSession(Socket socket, SessionContext context)
    {
        this.socket = socket;
        this.context = context;
        socket.SendBufferSize = SendBufferSize;
        delivery = context.Store.BeginDelivery();
        deadline = CancellationTokenSource.CreateLinkedTokenSource(context.Abort);
    }

    /// <summary>Serves until the file is stored or refused.</summary>
    /// <param name="socket">The connection; closed by the caller.</param>
    /// <param name="context">What the session works with.</param>
    /// <exception cref="FerryException">A fault of ours (<see cref="FerryErrorCode.Internal"/>); the peer has been told.</exception>
    public static async Task RunAsync(Socket socket, SessionContext context)
    {
        using var session = new PlainSession(socket, context);
        context.Record.Begin();
        FerryPath name = default;
        try
        {
            (name, ReadOnlyMemory<byte> beginning) = await session.ReceiveNameAsync().ConfigureAwait(false);
            Receipt receipt = await session.ReceiveFileAsync(name, beginning).ConfigureAwait(false);
            context.Record.Add(receipt);
            await SendLastLineAsync(socket, PlainText.Stored(receipt), context.Options.PlainStallTimeout, context.Abort).ConfigureAwait(false);
        }
        catch (FerryException e)
        {
            context.Record.Add(context.Store.NotStored(name, EntryKind.File, e));
            await RefuseAsync(socket, e, context.Options.PlainStallTimeout, context.Abort).ConfigureAwait(false);
        }
        catch (Exception e)
        {
            var reason = new FerryException(FerryErrorCode.Internal, $"internal error: {e.Message}", e);
            await RefuseAsync(socket, reason, context.Options.PlainStallTimeout, context.Abort).ConfigureAwait(false);
            throw reason;
        }
    }

    /// <summary>
    /// Tells a peer of the plain protocol that its file is not taken. Its writing ends at once with a broken pipe; what it had sent is thrown away, because
    /// closing with something unread would make the line unreadable for some programs, nc among them.
    /// </summary>
    /// <param name="socket">The connection.</param>
    /// <param name="reason">What the peer is told.</param>
    /// <param name="time">How long the line waits for its reader.</param>
    /// <param name="abort">Ends the wait.</param>
    public static async Task RefuseAsync(Socket socket, FerryException reason, TimeSpan time, CancellationToken abort)
    {
        try
        {
            socket.Shutdown(SocketShutdown.Receive);
            await SendLastLineAsync(socket, PlainText.Refused(reason), time, abort).ConfigureAwait(false);
            byte[] unread = new byte[SmallBufferSize];
            while (socket.Receive(unread) > 0)
            {
            }
        }
        catch (SocketException)
        {
            // It has gone; there is nobody left to tell.
        }
    }

    public void Dispose()
    {
        if (large)
        {
            FrameBuffers.Return(buffer);
        }
        delivery.Dispose();
        deadline.Dispose();
    }

    /// <summary>Reads the name line; what came behind it in the same receive is the beginning of the content.</summary>
    private async Task<(FerryPath Name, ReadOnlyMemory<byte> Content)> ReceiveNameAsync()
    {
        int received = 0;
        while (true)
        {
            int count = await ReceiveAsync(buffer.AsMemory(received)).ConfigureAwait(false);
            if (count == 0)
            {
                throw new FerryException(FerryErrorCode.BadName, "the connection ended before its name line did; send the name, a newline, then the content");
            }
            received += count;
            int newline = buffer.AsSpan(0, received).IndexOf((byte)'\n');
            if (newline < 0 ? received > StoredName.LongestComponent : newline > StoredName.LongestComponent)
            {
                throw new FerryException(FerryErrorCode.NameTooLong,
                    $"the first line, which is the file's name, does not end within {StoredName.LongestComponent + 1} bytes; send the name, a newline, then the content");
            }
            if (newline >= 0)
            {
                return (PlainName.Check(buffer.AsSpan(0, newline)), buffer.AsMemory(newline + 1, received - newline - 1));
            }
        }
    }

    private async Task<Receipt> ReceiveFileAsync(FerryPath name, ReadOnlyMemory<byte> content)
    {
        using IncomingFile file = delivery.CreateFile(name, new FileExpectation(null, default, context.Store.HighestLevel));
        using ContentHash hash = ContentHash.Create(ContentHash.XxHash);
        long size = 0;
        do
        {
            hash.Append(content.Span);
            file.Write(content.Span);
            size += content.Length;
            content = await ReceiveContentAsync().ConfigureAwait(false);
        }
        while (!content.IsEmpty);
        (FerryPath stored, Durability level) = file.Commit();
        return new Receipt
        {
            Name = stored,
            Result = ReceiptResult.Stored,
            Size = size,
            Hash = ContentHash.ToText(hash.Algorithm, hash.Finish()),
            Checked = HashCheck.Server,
            Level = level,
        };
    }

    private async Task<ReadOnlyMemory<byte>> ReceiveContentAsync()
    {
        int count = await ReceiveAsync(buffer).ConfigureAwait(false);
        ReadOnlyMemory<byte> received = buffer.AsMemory(0, count);
        if (count == buffer.Length && !large)
        {
            // Content flows: from here on with a large buffer.
            large = true;
            buffer = FrameBuffers.Rent();
        }
        return received;
    }

    /// <summary>Receives and acknowledges. 0 when the sender has closed, in either of the two ways in which it can.</summary>
    private async Task<int> ReceiveAsync(Memory<byte> destination)
    {
        deadline.CancelAfter(context.Options.PlainStallTimeout);
        try
        {
            int count = await socket.ReceiveAsync(destination, SocketFlags.None, deadline.Token).ConfigureAwait(false);
            // Storing what came may take its time; only the sender's own silence counts.
            deadline.CancelAfter(Timeout.InfiniteTimeSpan);
            if (count > 0)
            {
                Acknowledge();
            }
            return count;
        }
        catch (SocketException e) when (e.SocketErrorCode == SocketError.ConnectionReset)
        {
            // It closed without reading every acknowledgement; all that it sent before that has been received.
            return 0;
        }
        catch (SocketException e)
        {
            throw new FerryException(FerryErrorCode.ConnectionLost, $"the connection broke: {e.Message}", e);
        }
        catch (OperationCanceledException)
        {
            throw context.Abort.IsCancellationRequested
                ? new FerryException(FerryErrorCode.Stopping, "the server is stopping; send again when it is back")
                : new FerryException(FerryErrorCode.Stalled, FormattableString.Invariant(
                    $"nothing came for {context.Options.PlainStallTimeout.TotalSeconds:0.###} s; nothing is stored, send it again"));
        }
    }

    /// <summary>One that would block is dropped whole, because nobody may ever read it; so is one that a sender who has closed cannot read.</summary>
    private void Acknowledge() => _ = SocketCalls.SendNow(socket.SafeHandle, Acknowledgement);

    /// <summary>Sends the line that a half-closing client waits for; one that has closed does not want it. What fits at once is said even at the end of the grace.</summary>
    private static async Task SendLastLineAsync(Socket socket, byte[] line, TimeSpan time, CancellationToken abort)
    {
        if (SocketCalls.SendNow(socket.SafeHandle, line) != Errno.EAGAIN)
        {
            return;
        }
        using var deadline = CancellationTokenSource.CreateLinkedTokenSource(abort);
        deadline.CancelAfter(time);
        try
        {
            await socket.SendAsync(line, SocketFlags.None, deadline.Token).ConfigureAwait(false);
        }
        catch (Exception e) when (e is SocketException or OperationCanceledException)
        {
            // Nobody reads it. What became of the file stands in the log.
        }
    }
}
