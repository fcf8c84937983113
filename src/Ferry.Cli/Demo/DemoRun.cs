using System.Diagnostics;
using System.Security.Cryptography;
using Ferry.Cli.Output;
using Ferry.Cli.Verbs;

namespace Ferry.Cli.Demo;

/// <summary>One run of <c>ferry demo</c>: the main job, done in front of the reader with real processes in a private directory.</summary>
internal sealed class DemoRun(string[] paths, DemoDirectory directory, EndSignal signal)
{
    private const int LargeFileSize = 64 * 1024 * 1024;

    private static readonly string[] CloneFolders = ["docs", "src"];

    private readonly List<DemoRow> rows = [];

    private string Inbox => directory["inbox"];

    private string Socket => directory["ferry.sock"];

    /// <summary>The exit code: 0 when everything arrived and is the same on both sides.</summary>
    public async Task<int> RunAsync()
    {
        try
        {
            await using FerryCommand server = await FerryCommand.ServeAsync(["serve", Inbox, "--at", Socket], signal.First);
            foreach (string source in Sources())
            {
                await SendAsync(source, native: true, signal.First);
            }
            await SendAsync(MakePlainFile(), native: false, signal.First);
        }
        catch (OperationCanceledException) when (signal.ExitCode is { } code)
        {
            // Who sent the signal knows why it ended; the exit code passes that on.
            return code;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or FerryException)
        {
            Messages.Error(e.Message);
            return ExitCodes.InternalError;
        }
        DemoTable.Write(rows);
        WriteNextCommands();
        return rows.All(row => row.IsGood) ? ExitCodes.Success : rows.Max(row => row.ExitCode) is var worst and > 0 ? worst : ExitCodes.Mismatch;
    }

    /// <summary>What goes over the native protocol: the reader's own paths, or this repository's, or a small tree; and without own paths a large file.</summary>
    private IEnumerable<string> Sources()
    {
        if (paths.Length > 0)
        {
            return paths.Select(Path.GetFullPath);
        }
        string? clone = Environment.GetEnvironmentVariable("FERRY_CLONE");
        string[] trees = clone is null ? [MakeTree()] : [.. CloneFolders.Select(name => Path.Combine(clone, name)).Where(Directory.Exists)];
        return trees.Append(MakeLargeFile());
    }

    private async Task SendAsync(string source, bool native, CancellationToken cancellationToken)
    {
        string[] command = native
            ? ["send", source, "--at", Socket, "--skip-special", "--json"]
            : ["send", source, "--at", $"plain:{Socket}", "--json"];
        long started = Stopwatch.GetTimestamp();
        (int exitCode, IReadOnlyList<string> lines) = await FerryCommand.RunAsync(command, cancellationToken);
        TimeSpan time = Stopwatch.GetElapsedTime(started);
        string arrived = Path.Combine(Inbox, Path.GetFileName(source.TrimEnd('/')));
        rows.Add(DemoRow.From(source, native, exitCode, time, lines, Comparison.Of(source, arrived)));
    }

    private string MakeLargeFile()
    {
        string path = directory["large.bin"];
        using FileStream file = File.Create(path);
        byte[] block = new byte[1024 * 1024];
        for (int written = 0; written < LargeFileSize; written += block.Length)
        {
            RandomNumberGenerator.Fill(block);
            file.Write(block);
        }
        return path;
    }

    private string MakePlainFile()
    {
        string path = directory["plain.txt"];
        File.WriteAllLines(path, Enumerable.Range(1, 10_000).Select(line => $"line {line} of a file that any program could have sent"));
        return path;
    }

    private string MakeTree()
    {
        string tree = directory["tree"];
        for (int folder = 1; folder <= 5; folder++)
        {
            string path = Directory.CreateDirectory(Path.Combine(tree, $"folder{folder}")).FullName;
            for (int file = 1; file <= 20; file++)
            {
                File.WriteAllBytes(Path.Combine(path, $"file{file}.bin"), RandomNumberGenerator.GetBytes(file * 1000));
            }
        }
        return tree;
    }

    private static void WriteNextCommands()
    {
        string ferry = FerryCommand.DisplayName;
        Console.WriteLine();
        Console.WriteLine("Next, in two terminals:");
        Console.WriteLine($"  {ferry} serve inbox --at ./ferry.sock");
        Console.WriteLine($"  {ferry} send README.md --at ./ferry.sock");
        Console.WriteLine("  printf 'hello.txt\\nhello\\n' | nc -N -U ./ferry.sock | tail -n 1");
    }
}
