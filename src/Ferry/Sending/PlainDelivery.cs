using System.Net.Sockets;

namespace Ferry.Sending;

/// <summary>
/// One delivery over the plain protocol. The study's server receives at most 1,024 bytes at a time and decodes each receive by itself,
/// so a piece is never longer, never cuts a character, and is sent only when the one before it was answered.
/// </summary>
internal sealed class PlainDelivery : IDisposable
{
    private readonly Socket socket;
    private readonly TimeSpan stallTimeout;
    private readonly ProgressCounter progress;
    private readonly CancellationToken cancellationToken;
    private readonly CancellationTokenSource deadline;
    private readonly PlainAnswers answers = new();
    private readonly byte[] answer = new byte[4096];

    /// <param name="socket">Connected; closed by the caller.</param>
    /// <param name="stallTimeout">How long to wait for an answer.</param>
    /// <param name="progress">Where progress is counted.</param>
    /// <param name="cancellationToken">Gives the delivery up.</param>
    public PlainDelivery(Socket socket, TimeSpan stallTimeout, ProgressCounter progress, CancellationToken cancellationToken)
    {
        this.socket = socket;
        this.stallTimeout = stallTimeout;
        this.progress = progress;
        this.cancellationToken = cancellationToken;
        deadline = CancellationTokenSource.CreateLinkedTokenSource(cancellationToken);
    }

    /// <summary>Sends the name line and the content, and reads what the server says at the end.</summary>
    /// <exception cref="FerryException">A piece stayed without an answer, or the source cannot be read.</exception>
    public async Task<Receipt> SendAsync(FerryPath name, OutgoingContent content)
    {
        progress.Found(content.Size ?? 0);
        using ContentHash hash = ContentHash.Create(ContentHash.XxHash);
        await SendPieceAsync((byte[])[.. name.Bytes, (byte)'\n'], 0).ConfigureAwait(false);
        long sent = 0;
        var pieces = new PlainPieces(content);
        while (answers.Refusal is null && await pieces.NextAsync(cancellationToken).ConfigureAwait(false) is { IsEmpty: false } piece)
        {
            hash.Append(piece.Span);
            await SendPieceAsync(piece, sent).ConfigureAwait(false);
            sent += piece.Length;
            progress.Sent(piece.Length);
        }
        if (answers.Refusal is null)
        {
            await FinishAsync().ConfigureAwait(false);
        }
        progress.Done();
        progress.Report();
        bool changed = content.HasChanged() || sent < content.Size;
        return answers.ToReceipt(name, sent, ContentHash.ToText(hash.Algorithm, hash.Finish()), changed);
    }

    public void Dispose() => deadline.Dispose();

    /// <summary>Sends one piece and waits until it is answered.</summary>
    private async Task SendPieceAsync(ReadOnlyMemory<byte> piece, long sentBefore)
    {
        try
        {
            deadline.CancelAfter(stallTimeout);
            await socket.SendAsync(piece, SocketFlags.None, deadline.Token).ConfigureAwait(false);
            do
            {
                if (!await ReceiveAsync().ConfigureAwait(false))
                {
                    throw Lost(sentBefore, "it closed the connection");
                }
            }
            while (answers.EndsInTheMiddle);
        }
        catch (SocketException e)
        {
            // What a server said before it closed tells more than the broken pipe.
            while (answers.Refusal is null && await TryReceiveAsync().ConfigureAwait(false))
            {
            }
            if (answers.Refusal is null)
            {
                throw Lost(sentBefore, e.Message);
            }
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new FerryConnectionException(FerryErrorCode.Stalled, FormattableString.Invariant(
                $"the server did not answer within {stallTimeout.TotalSeconds:0.###} s, after {sentBefore} bytes; whether it has stored anything is unknown"));
        }
    }

    /// <summary>Half-closes and reads to the end.</summary>
    private async Task FinishAsync()
    {
        try
        {
            socket.Shutdown(SocketShutdown.Send);
            while (await ReceiveAsync().ConfigureAwait(false))
            {
            }
        }
        catch (SocketException)
        {
            // Every piece was answered. A server that closes roughly leaves it at that: sent, not confirmed.
        }
        catch (OperationCanceledException) when (!cancellationToken.IsCancellationRequested)
        {
            throw new FerryConnectionException(FerryErrorCode.Stalled, FormattableString.Invariant(
                $"the server answered every piece and did not close within {stallTimeout.TotalSeconds:0.###} s; whether it has stored the file is unknown"));
        }
    }

    private async Task<bool> ReceiveAsync()
    {
        deadline.CancelAfter(stallTimeout);
        int count = await socket.ReceiveAsync(answer, SocketFlags.None, deadline.Token).ConfigureAwait(false);
        answers.Add(answer.AsSpan(0, count));
        return count > 0;
    }

    private async Task<bool> TryReceiveAsync()
    {
        try
        {
            return await ReceiveAsync().ConfigureAwait(false);
        }
        catch (SocketException)
        {
            // The end of what it said; the caller reports the first error.
            return false;
        }
    }

    private static FerryConnectionException Lost(long sent, string why) => new(FerryErrorCode.ConnectionLost,
        $"the server did not answer after {sent} bytes: {why}; whether it has stored anything is unknown. A server like the study's takes UTF-8 text only; "
        + "the native protocol, without plain:, takes any content");
}
