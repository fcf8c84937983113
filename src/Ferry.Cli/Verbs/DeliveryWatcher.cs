using Ferry.Cli.Output;
using Ferry.Server;

namespace Ferry.Cli.Verbs;

/// <summary>Writes receipts as JSON lines, and knows how the first delivery went.</summary>
internal sealed class DeliveryWatcher(bool json) : IDeliveryObserver
{
    private readonly TaskCompletionSource<int> first = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private int outputFailed;

    /// <summary>The exit code of the first delivery, once it has ended.</summary>
    public Task<int> First => first.Task;

    /// <summary>True when a receipt could not be written to standard output.</summary>
    public bool HasOutputFailed => outputFailed != 0;

    public void Received(Receipt receipt)
    {
        if (!json)
        {
            return;
        }
        try
        {
            JsonLine.Write(receipt);
        }
        catch (OutputException e)
        {
            // The sender's file is stored all the same, and the next line may fit.
            if (Interlocked.Exchange(ref outputFailed, 1) == 0)
            {
                Messages.Error(e.Message);
            }
        }
    }

    public void Ended(DeliverySummary delivery)
    {
        List<int> codes = [.. delivery.Counts.Keys.Select(ExitCodes.Of)];
        if (delivery.LessSafe > 0)
        {
            codes.Add(ExitCodes.Refused);
        }
        if (delivery.Failure is { } failure)
        {
            codes.Add(ExitCodes.Of(failure));
        }
        first.TrySetResult(ExitCodes.Worst(codes));
    }
}
