using System.Globalization;

namespace Ferry.Cli.Output;

/// <summary>Says each time that it connects again, and why.</summary>
internal sealed class ReconnectLines : IProgress<ReconnectAttempt>
{
    public void Report(ReconnectAttempt value) => Messages.Write(string.Create(
        CultureInfo.InvariantCulture, $"ferry: {value.Reason}; connecting again in {value.Pause.TotalSeconds:0.0} s ({value.Number} of {value.Most})"));
}
