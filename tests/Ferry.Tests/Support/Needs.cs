using Xunit;

namespace Ferry.Tests.Support;

/// <summary>Skips a test that needs what this machine lacks; where CI=true it fails instead, so that nothing is skipped unseen.</summary>
internal static class Needs
{
    public static void Root() => That(Environment.UserName == "root", "root");

    /// <summary>Root that may mount file systems.</summary>
    public static void Mounting() => That(CanMount.Value, "root with the right to mount");

    /// <summary>Root that may make name spaces with these options of unshare.</summary>
    public static void Unsharing(params string[] options)
    {
        Program("unshare");
        That(Environment.UserName == "root" && Tool.Succeeds("unshare", [.. options, "true"]), $"root with the right to unshare {string.Join(' ', options)}");
    }

    public static void Program(string name) =>
        That(Environment.GetEnvironmentVariable("PATH")!.Split(':').Any(directory => IsProgram(Path.Combine(directory, name))), $"the program {name}");

    /// <summary>strace, and the right to watch a process that is no child of it.</summary>
    public static void Attaching()
    {
        Program("strace");
        const string Scope = "/proc/sys/kernel/yama/ptrace_scope";
        That(Environment.UserName == "root" || !File.Exists(Scope) || File.ReadAllText(Scope).Trim() == "0", "the right to trace a running process");
    }

    /// <summary>The native binary, for what the ordinary build cannot do. The gate runs such tests with it.</summary>
    /// <param name="reason">What the ordinary build does instead.</param>
    public static void NativeBinary(string reason) =>
        Assert.SkipUnless(Environment.GetEnvironmentVariable("FERRY_BINARY") is { Length: > 0 }, $"{reason}; runs where FERRY_BINARY names the native one");

    private static bool IsProgram(string path) => File.Exists(path) && File.GetUnixFileMode(path).HasFlag(UnixFileMode.OtherExecute);

    public static void That(bool present, string what)
    {
        if (!present && Environment.GetEnvironmentVariable("CI") == "true")
        {
            Assert.Fail($"This test needs {what}.");
        }
        Assert.SkipUnless(present, $"needs {what}");
    }

    private static readonly Lazy<bool> CanMount = new(() =>
    {
        if (Environment.UserName != "root")
        {
            return false;
        }
        using var directory = new TestDirectory();
        bool mounted = Tool.Succeeds("mount", "-t", "tmpfs", "tmpfs", directory.Path);
        Tool.Unmount(directory.Path);
        return mounted;
    });
}
