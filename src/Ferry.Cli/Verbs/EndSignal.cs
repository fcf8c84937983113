using System.Runtime.InteropServices;

namespace Ferry.Cli.Verbs;

/// <summary>Turns SIGINT, SIGTERM and SIGHUP into cancellation: the first into <see cref="First"/>, the next into <see cref="Second"/>.</summary>
internal sealed class EndSignal : IDisposable
{
    private static readonly Dictionary<PosixSignal, int> Numbers = new()
    {
        [PosixSignal.SIGHUP] = 1,
        [PosixSignal.SIGINT] = 2,
        [PosixSignal.SIGTERM] = 15,
    };

    private readonly CancellationTokenSource first = new();
    private readonly CancellationTokenSource second = new();
    private readonly List<PosixSignalRegistration> registrations;

    public EndSignal() => registrations = [.. Numbers.Keys.Select(signal => PosixSignalRegistration.Create(signal, Handle))];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken First => first.Token;

    /// <summary>Cancelled by the second signal.</summary>
    public CancellationToken Second => second.Token;

    /// <summary>128 and the number of the signal that came last; null when none came.</summary>
    public int? ExitCode { get; private set; }

    public void Dispose()
    {
        registrations.ForEach(registration => registration.Dispose());
        first.Dispose();
        second.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true;
        ExitCode = ExitCodes.Signal + Numbers[context.Signal];
        (first.IsCancellationRequested ? second : first).Cancel();
    }
}
