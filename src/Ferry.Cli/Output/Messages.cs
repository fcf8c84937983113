using Spectre.Console;

namespace Ferry.Cli.Output;

/// <summary>Lines for people, on standard error; standard output is for data. Where nobody can read them they are lost, and nothing else is.</summary>
internal static class Messages
{
    /// <summary>The terminal while it shows a progress bar: lines go above that. Else null.</summary>
    public static IAnsiConsole? Terminal { get; set; }

    public static void Write(string line)
    {
        try
        {
            if (Terminal is { } terminal)
            {
                terminal.Write(new WholeLine(line));
            }
            else
            {
                Console.Error.WriteLine(line);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // Standard error is full or closed: there is nobody to tell, and the exit code says the rest.
        }
    }

    public static void Error(string message) => Write($"ferry: {message}");

    public static void Error(FerryException error, bool json)
    {
        Error(error.Message);
        if (json && error is not OutputException)
        {
            JsonLine.Write(error);
        }
    }
}
