using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Ferry.Cli.Output;

/// <summary>Writes a log entry as one line: the message, after the level where that is a warning or worse.</summary>
internal sealed class PlainLineFormatter() : ConsoleFormatter(PlainLineFormatter.Name)
{
    /// <summary>What console options call it.</summary>
    public new const string Name = "ferry";

    public override void Write<TState>(in LogEntry<TState> entry, IExternalScopeProvider? scopes, TextWriter writer)
    {
        string level = entry.LogLevel switch
        {
            LogLevel.Warning => "warning: ",
            LogLevel.Error or LogLevel.Critical => "error: ",
            _ => "",
        };
        writer.WriteLine(level + entry.Formatter(entry.State, entry.Exception));
        if (entry.Exception is { } exception)
        {
            writer.WriteLine(exception.ToString());
        }
    }
}
