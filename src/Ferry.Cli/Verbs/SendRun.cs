using Ferry.Cli.Arguments;
using Ferry.Cli.Output;

namespace Ferry.Cli.Verbs;

/// <summary>One run of <c>ferry send</c>: connect, send, say what became of it.</summary>
internal sealed class SendRun(SendRequest request)
{
    private static readonly TimeSpan PlainStallTimeout = TimeSpan.FromMinutes(10);
    private static readonly TimeSpan NativeStallTimeout = TimeSpan.FromSeconds(60);

    private readonly Tally tally = new();
    private readonly SpecialFiles special = new();

    /// <summary>The exit code.</summary>
    public async Task<int> RunAsync()
    {
        using var signal = new EndSignal();
        int? ended = null;
        FerryAddress? address = null;
        try
        {
            address = DefaultAddress.Find(request.At);
            request.Check(address);
            await DeliverAsync(address, signal.First);
        }
        catch (FerryException e)
        {
            tally.Add(ExitCodes.Of(e.Code));
            Messages.Error(WithAddress(e, address), request.Json);
            if (e.Code == FerryErrorCode.Usage)
            {
                return ExitCodes.Usage;
            }
        }
        catch (OperationCanceledException) when (signal.ExitCode is { } code)
        {
            // The signal's own exit code says what happened; what is counted so far is still shown.
            Messages.Error("ended by a signal; what has no receipt may or may not be stored");
            ended = code;
        }
        special.WriteCounts();
        if (!request.Quiet && tally.HasEntries)
        {
            Messages.Write(tally.ToString());
        }
        return ended ?? tally.ExitCode;
    }

    /// <summary>What goes wrong on a connection is told without its address, which a person who reads the output of several commands needs.</summary>
    private static FerryException WithAddress(FerryException error, FerryAddress? address) =>
        error.Code is FerryErrorCode.ConnectionLost or FerryErrorCode.Stalled or FerryErrorCode.Protocol or FerryErrorCode.Unsupported or FerryErrorCode.Limit
            ? new FerryException(error.Code, $"{address}: {error.Message}", error)
            : error;

    private async Task DeliverAsync(FerryAddress address, CancellationToken cancellationToken)
    {
        bool plain = address.Scheme == FerryScheme.Plain;
        var connection = new FerryClientOptions
        {
            Wait = request.Wait,
            Retries = request.Retries,
            Reconnecting = request.Quiet ? null : new ReconnectLines(),
            Descriptors = request.Descriptors,
            StallTimeout = request.StallTimeout ?? (plain ? PlainStallTimeout : NativeStallTimeout),
        };
        await using ProgressDisplay? progress = ProgressDisplay.Start(request.Quiet);
        var options = new SendOptions
        {
            Into = request.Into,
            As = request.As,
            Durability = request.Durability,
            Checksum = request.Checksum,
            Atomic = request.Atomic,
            SkipSpecial = request.SkipSpecial,
            Jobs = request.Jobs,
            Progress = progress,
            DeliveryKey = request.DeliveryKey is { } key && key.TryGetString(out string? text) ? text : null,
        };
        if (plain)
        {
            Count(await SendPlainAsync(address, options, connection, cancellationToken));
            return;
        }
        await using FerryClient client = await FerryClient.ConnectAsync(address, connection, cancellationToken);
        if (request.IsStandardInput)
        {
            Count(await SendStandardInputAsync(client, options, cancellationToken));
            return;
        }
        await foreach (Receipt receipt in client.SendManyAsync(request.Paths, options, cancellationToken))
        {
            Count(receipt);
        }
    }

    private async Task<Receipt> SendPlainAsync(FerryAddress address, SendOptions options, FerryClientOptions connection, CancellationToken cancellationToken)
    {
        try
        {
            if (!request.IsStandardInput)
            {
                return await PlainClient.SendAsync(address, request.Paths[0], options, connection, cancellationToken);
            }
            await using Stream input = Console.OpenStandardInput();
            return await PlainClient.SendAsync(address, input, request.As!.Value, options, connection, cancellationToken);
        }
        catch (FerryException e) when (e.Receipt is { } receipt)
        {
            // The receipt says why: it is counted and shown like those that came without an exception.
            return receipt;
        }
    }

    private async Task<Receipt> SendStandardInputAsync(FerryClient client, SendOptions options, CancellationToken cancellationToken)
    {
        await using Stream input = Console.OpenStandardInput();
        try
        {
            return await client.SendAsync(input, request.As!.Value, options, cancellationToken);
        }
        catch (FerryException e) when (e.Receipt is { } receipt)
        {
            // The receipt says why: it is counted and shown like those that came without an exception.
            return receipt;
        }
    }

    private void Count(Receipt receipt)
    {
        if (request.Json)
        {
            JsonLine.Write(receipt);
        }
        if (receipt.Result == ReceiptResult.Special)
        {
            if (!request.SkipSpecial)
            {
                tally.Add(receipt);
                special.Add(receipt);
            }
            return;
        }
        tally.Add(receipt);
        if (ExitCodes.Of(receipt) != ExitCodes.Success)
        {
            string name = receipt.Name.ToString();
            bool named = receipt.Reason?.Contains(name, StringComparison.Ordinal) == true;
            Messages.Error($"{receipt.Result.WireName()}: {(named ? "" : name + ": ")}{receipt.Reason}");
        }
        else if (request.Durability is { } asked && receipt.Level < asked)
        {
            tally.Add(ExitCodes.Refused);
            Messages.Error($"{receipt.Name}: stored, but {receipt.Level?.WireName()} where {asked.WireName()} was asked for; the server gives no more");
        }
        else if (request.Verbose && !request.Quiet)
        {
            Messages.Write($"{receipt.Result.WireName()} {receipt.Name}{(receipt.Kind == EntryKind.Directory ? "/" : $": {receipt.Size} bytes, {receipt.Hash}, {receipt.Level?.WireName()}{(receipt.Replayed ? ", stored before" : "")}")}");
        }
    }
}
