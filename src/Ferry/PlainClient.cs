using System.Net.Sockets;
using Ferry.Files;
using Ferry.Sending;
using Ferry.Transport;

namespace Ferry;

/// <summary>
/// Sends one file over the plain protocol of the study: a name line, then the content in small pieces, each of which waits for an answer. It
/// has no length and no checksum; only a server that ends with a <c>Stored</c> line, as Ferry's does, confirms what it has.
/// </summary>
public static class PlainClient
{
    /// <summary>Sends a file under its last component, or the name in <see cref="SendOptions.As"/>.</summary>
    /// <param name="address">Where the server listens.</param>
    /// <param name="path">The file; a symbolic link is followed.</param>
    /// <param name="options">Options; <see cref="SendOptions.Into"/> and <see cref="SendOptions.Durability"/> are not for this protocol.</param>
    /// <param name="clientOptions">How to connect and how long to wait for each answer.</param>
    /// <param name="cancellationToken">Gives the delivery up.</param>
    /// <returns>A receipt that says <see cref="ReceiptResult.Stored"/> where the server confirmed, else <see cref="ReceiptResult.Sent"/>.</returns>
    /// <exception cref="FerryException">The file was not sent, or the server says that it is not stored.</exception>
    public static async Task<Receipt> SendAsync(
        FerryAddress address, FerryPath path, SendOptions? options = null, FerryClientOptions? clientOptions = null, CancellationToken cancellationToken = default)
    {
        SourcePath source = SourcePath.Classify(path);
        FerryPath name = options?.As ?? source.Name;
        using OutgoingContent content = Open(source, name);
        return await SendAsync(address, content, name, options, clientOptions, cancellationToken).ConfigureAwait(false);
    }

    /// <summary>Sends what a stream holds from its position to its end. The stream stays open.</summary>
    /// <inheritdoc cref="SendAsync(FerryAddress, FerryPath, SendOptions?, FerryClientOptions?, CancellationToken)"/>
    /// <param name="address">Where the server listens.</param>
    /// <param name="content">The content; read once.</param>
    /// <param name="name">The name it arrives under, one component.</param>
    /// <param name="options">Options; see above.</param>
    /// <param name="clientOptions">How to connect and how long to wait for each answer.</param>
    /// <param name="cancellationToken">Gives the delivery up.</param>
    public static async Task<Receipt> SendAsync(
        FerryAddress address, Stream content, FerryPath name, SendOptions? options = null, FerryClientOptions? clientOptions = null, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(content);
        using var outgoing = new OutgoingContent.OfStream(content);
        return await SendAsync(address, outgoing, name, options, clientOptions, cancellationToken).ConfigureAwait(false);
    }

    private static OutgoingContent Open(SourcePath source, FerryPath name)
    {
        if (source.Kind == SourceKind.Stream)
        {
            return new OutgoingContent.OfStream(SourceTree.OpenStream(source));
        }
        if (source.Kind == SourceKind.Directory)
        {
            throw new FerryException(FerryErrorCode.Usage, $"{source.Path} is a directory; the plain protocol takes one file");
        }
        SourceEntry entry = SourceTree.Walk(source).First();
        return entry.File is { } file
            ? new OutgoingContent.OfFile(file)
            : throw new FerryException(new Receipt { Name = name, Result = ReceiptResult.Unreadable, Code = entry.Code, Reason = entry.Reason });
    }

    private static async Task<Receipt> SendAsync(
        FerryAddress address, OutgoingContent content, FerryPath name, SendOptions? options, FerryClientOptions? clientOptions, CancellationToken cancellationToken)
    {
        ArgumentNullException.ThrowIfNull(address);
        if (options?.Into is not null)
        {
            throw new FerryException(FerryErrorCode.Usage, "the plain protocol takes a file name and no directory: leave Into out");
        }
        PlainName.Check(name.Bytes);
        clientOptions ??= new FerryClientOptions();
        if (clientOptions.Retries != 0 || options?.DeliveryKey is not null)
        {
            throw new FerryException(FerryErrorCode.Usage, "the plain protocol knows no deliveries: leave Retries and DeliveryKey out");
        }
        using Socket socket = await UnixConnection.ConnectAsync(address.Path, clientOptions, cancellationToken).ConfigureAwait(false);
        using var delivery = new PlainDelivery(socket, clientOptions.StallTimeout, new ProgressCounter(options?.Progress), cancellationToken);
        Receipt receipt = await delivery.SendAsync(name, content).ConfigureAwait(false);
        return receipt.Result is ReceiptResult.Stored or ReceiptResult.Sent ? receipt : throw new FerryException(receipt);
    }
}
