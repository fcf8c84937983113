namespace Ferry.Tests.Support;

/// <summary>A <c>ferry send</c> that stands still in the middle of a large file, which has arrived so far.</summary>
internal sealed class HeldTransfer : IAsyncDisposable
{
    private readonly HoldingRelay relay;
    private readonly Task<FerryResult> sending;
    private int pid;

    private HeldTransfer(ServedDirectory served, string source, long bytes, FerryPath[] options)
    {
        relay = HoldingRelay.Start(served.Socket, bytes);
        sending = FerryProcess.RunAsync(new FerryCommand(["send", source, "--at", relay.Path, "--json", .. options]) { Started = started => pid = started });
    }

    /// <summary>Returns when so many bytes have passed and all but the last of them are in the server's file.</summary>
    public static async Task<HeldTransfer> StartAsync(ServedDirectory served, string source, long bytes, params FerryPath[] options)
    {
        var transfer = new HeldTransfer(served, source, bytes, options);
        await Task.WhenAny(transfer.relay.Held, transfer.sending);
        if (transfer.sending.IsCompleted)
        {
            throw new InvalidOperationException($"it did not stand still: {await transfer.sending}");
        }
        await PartialFiles.WaitForLengthAsync(served, bytes - (1 << 20));
        return transfer;
    }

    /// <summary>Lets it go on, and gives its end.</summary>
    public Task<FerryResult> ContinueAsync()
    {
        relay.Release();
        return sending;
    }

    /// <summary>Bytes that the server was given.</summary>
    public long Passed => relay.FromClient;

    /// <summary>Kills the client, and closes the server's connection though the server may not be reading.</summary>
    public async Task BreakAsync()
    {
        Signal.Send(pid, Signal.Kill);
        await relay.DisposeAsync();
    }

    /// <summary>Kills the client.</summary>
    public Task<FerryResult> KillAsync()
    {
        Signal.Send(pid, Signal.Kill);
        return sending;
    }

    /// <summary>Waits for the client's own end.</summary>
    public Task<FerryResult> WaitAsync() => sending;

    public async ValueTask DisposeAsync()
    {
        await relay.DisposeAsync();
        await sending;
    }
}
