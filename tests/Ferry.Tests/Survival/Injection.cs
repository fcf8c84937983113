using Ferry.Tests.Support;

namespace Ferry.Tests.Survival;

/// <summary>
/// Kills a command at one of its system calls, or makes calls fail, be left out or come short: a wrapper for <see cref="FerryCommand"/>.
/// Calls are counted over all threads, so that each has a number of its own, which strace cannot do. How is told in inject.c.
/// </summary>
internal sealed class Injection : IDisposable
{
    /// <summary>What changes a file.</summary>
    public const string FileChanges = "openat2,mkdirat,linkat,unlinkat,renameat,renameat2,pwrite64,write,ftruncate,fallocate,fchmod,fchmodat,fchown,utimensat,"
        + "fsync,fdatasync,syncfs,sync_file_range,ioctl,copy_file_range";

    /// <summary>The same, and what sends to the peer.</summary>
    public const string Changes = FileChanges + ",sendto,sendmsg";

    /// <summary>What moves bytes and may move fewer than asked for.</summary>
    public const string Transfers = "pread64,pwrite64,write,sendto,sendmsg";

    private static readonly Lazy<string> Compiled = new(Compile);

    private readonly TestDirectory directory = new();
    private readonly string[] options;

    /// <param name="calls">As inject.c takes them.</param>
    /// <param name="first">Number of the first call that is met, from 1; 0: none is, they are counted only.</param>
    /// <param name="last">Number of the last.</param>
    /// <param name="action">What happens to them: <c>kill</c>, <c>error 5</c>, <c>skip</c>, <c>short 700</c>.</param>
    public Injection(string calls, long first, long last, string action)
    {
        Needed();
        options = [calls, $"{first}", $"{last}", .. action.Split(' ')];
    }

    public string[] Wrapper => [Compiled.Value, directory["log"], .. options];

    /// <summary>The calls counted so far, as <c>renameat2/directory</c>.</summary>
    public string[] Counted => [.. Lines.Select(line => line.Split(' ')[2])];

    /// <summary>The first call that was met, with its path; null when there was none.</summary>
    public string? Met => Lines.FirstOrDefault(line => line.EndsWith(" *", StringComparison.Ordinal))?.Split(' ', 3)[2];

    private string[] Lines => File.Exists(directory["log"]) ? File.ReadAllLines(directory["log"]) : [];

    public void Dispose() => directory.Dispose();

    private static void Needed()
    {
        Needs.Program("gcc");
        Needs.That(Works.Value, "seccomp with user notification, and the right to use it");
    }

    private static readonly Lazy<bool> Works = new(() => Tool.Succeeds(Compiled.Value, "/dev/null", "write", "0", "0", "skip", "true"));

    private static string Compile()
    {
        string program = Path.Combine(AppContext.BaseDirectory, "inject");
        string fresh = $"{program}.{Environment.ProcessId}";
        Tool.Run("gcc", "-O2", "-Wall", "-Wextra", "-Werror", "-o", fresh, Repository.PathOf("tests", "Ferry.Tests", "Survival", "inject.c"));
        File.Move(fresh, program, overwrite: true);
        return program;
    }
}
