using System.Diagnostics;

namespace Ferry.Tests.Support;

/// <summary>Runs other programs to their end.</summary>
internal static class Tool
{
    /// <summary>Runs a program that must succeed and gives its standard output.</summary>
    public static string Run(string program, params string[] arguments)
    {
        (int exitCode, string output, string errors) = Execute(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}: {errors}");
    }

    public static bool Succeeds(string program, params string[] arguments) => Execute(program, arguments).ExitCode == 0;

    private static (int ExitCode, string Output, string Errors) Execute(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
