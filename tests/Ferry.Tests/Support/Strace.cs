namespace Ferry.Tests.Support;

/// <summary>
/// Watches the system calls of a command, or makes them fail: <c>new Strace("-e", "inject=fsync:error=EIO")</c>, then
/// <see cref="Wrapper"/> as the wrapper of a <see cref="FerryCommand"/>.
/// </summary>
internal sealed class Strace : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly string[] options;

    public Strace(params string[] options)
    {
        Needs.Program("strace");
        this.options = options;
    }

    /// <summary>With -D the command is our own child and strace beside it, so that its id and its signals are the command's.</summary>
    public string[] Wrapper => ["strace", "-D", "-f", "-qq", "-s", "256", "-o", directory["calls"], .. options, "--"];

    /// <summary>The calls, one a line, each behind the thread's id. Complete once the command has ended.</summary>
    public string[] Calls => File.ReadAllLines(directory["calls"]);

    public void Dispose() => directory.Dispose();
}
