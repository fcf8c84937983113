using System.Diagnostics;
using System.Text;

namespace Ferry.Tests.Support;

/// <summary>
/// The command under test with its arguments, as a process of its own: the binary that FERRY_BINARY names, else the ordinary
/// build beside the tests. Arguments need not be UTF-8: <c>new("send", FerryPath.FromBytes([0xFF]))</c>.
/// </summary>
internal sealed class FerryCommand(params FerryPath[] arguments)
{
    public FerryPath[] Arguments { get; } = arguments;

    /// <summary>What is started, with its first arguments. Default: the command under test.</summary>
    public string[] Program { get; init; } = UnderTest;

    /// <summary>What the command reads from its standard input. Default: nothing, the end at once.</summary>
    public Stream Input { get; init; } = Stream.Null;

    /// <summary>Changes to the environment of the tests; null removes a variable.</summary>
    public Dictionary<string, string?> Environment { get; init; } = [];

    public string? WorkingDirectory { get; init; }

    /// <summary>
    /// A program and its arguments that starts the command in its own place, for example <c>["prlimit", "--fsize=4096"]</c>.
    /// It must keep the process id: <c>strace</c> does with <c>-D</c> (see <see cref="Strace"/>), <c>setpriv</c> and <c>prlimit</c> always do.
    /// </summary>
    public string[] Wrapper { get; init; } = [];

    /// <summary>Called with the process id once the command runs.</summary>
    public Action<int> Started { get; init; } = _ => { };

    /// <summary>How long the command may take, or a server may take to start.</summary>
    public TimeSpan Timeout { get; init; } = TimeSpan.FromSeconds(60);

    public static string[] UnderTest =>
        System.Environment.GetEnvironmentVariable("FERRY_BINARY") is { Length: > 0 } binary
            ? [binary]
            : ["dotnet", Path.Combine(AppContext.BaseDirectory, "Ferry.Cli.dll")];

    internal Process Start()
    {
        FerryPath[] line = [.. Wrapper, .. Program, .. Arguments];
        string[] texts = [.. line.Select(part => part.TryGetString(out string? text) ? text : "")];
        string[] start = line.All(part => part.TryGetString(out _)) ? texts : ["/bin/sh", "-c", ShellScript(line)];
        var information = new ProcessStartInfo(start[0], start[1..])
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = WorkingDirectory ?? "",
        };
        // An address from outside would lead the tests to somebody's server.
        information.Environment.Remove("FERRY_SOCKET");
        foreach ((string name, string? value) in Environment)
        {
            information.Environment[name] = value;
        }
        Process process = Process.Start(information)!;
        Started(process.Id);
        return process;
    }

    public override string ToString() => "ferry " + string.Join(' ', Arguments);

    /// <summary>
    /// .NET starts processes with UTF-8 arguments only; the shell makes any bytes. The final X keeps <c>$( )</c> from dropping
    /// newlines at the end of an argument.
    /// </summary>
    private static string ShellScript(FerryPath[] line)
    {
        var script = new StringBuilder("set --\n");
        foreach (FerryPath part in line)
        {
            script.Append("argument=$(printf '");
            foreach (byte value in part.Bytes)
            {
                script.Append('\\').Append(Convert.ToString(value, 8).PadLeft(3, '0'));
            }
            script.Append("X')\nset -- \"$@\" \"${argument%X}\"\n");
        }
        return script.Append("exec \"$@\"\n").ToString();
    }
}
