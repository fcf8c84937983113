using System.Diagnostics;

namespace Ferry.Tests.Support;

/// <summary>Runs other programs to their end.</summary>
internal static class Tool
{
    private const int UnmountAttempts = 100;

    private static readonly TimeSpan UnmountPause = TimeSpan.FromMilliseconds(50);

    /// <summary>Runs a program that must succeed and gives its standard output.</summary>
    public static string Run(string program, params string[] arguments)
    {
        (int exitCode, string output, string errors) = Execute(program, arguments);
        return exitCode == 0
            ? output
            : throw new InvalidOperationException($"{program} {string.Join(' ', arguments)} ended with {exitCode}: {errors}");
    }

    public static bool Succeeds(string program, params string[] arguments) => Execute(program, arguments).ExitCode == 0;

    /// <summary>
    /// Unmounts what is mounted on a directory, if anything is. A child that any other test is just starting has copies of this process's descriptors, and keeps
    /// a file system busy for a moment.
    /// </summary>
    public static void Unmount(string directory)
    {
        for (int attempt = 1; ; attempt++)
        {
            (int exitCode, _, string errors) = Execute("umount", ["--recursive", directory]);
            if (exitCode == 0 || !File.ReadLines("/proc/self/mounts").Any(mount => mount.Split(' ')[1] == directory))
            {
                return;
            }
            if (attempt == UnmountAttempts)
            {
                throw new InvalidOperationException($"{directory} cannot be unmounted: {errors}");
            }
            Thread.Sleep(UnmountPause);
        }
    }

    private static (int ExitCode, string Output, string Errors) Execute(string program, string[] arguments)
    {
        using Process process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        Task<string> errors = process.StandardError.ReadToEndAsync();
        string output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, errors.Result);
    }
}
