using SharpFuzz;

namespace Ferry.Fuzz;

/// <summary>Runs a target under AFL++, over files, or writes what a fuzzer begins with. tests/fuzz calls it.</summary>
internal static class Program
{
    private const string Usage = """
        usage: Ferry.Fuzz NAME                 under afl-fuzz
               Ferry.Fuzz NAME FILE...         each file once
               Ferry.Fuzz --seeds NAME DIR     writes the inputs to begin with
               Ferry.Fuzz --names
        """;

    public static int Main(string[] arguments)
    {
        switch (arguments)
        {
            case ["--names"]:
                Console.WriteLine(string.Join('\n', FuzzTargets.All.Keys));
                return 0;
            case ["--seeds", string name, string directory]:
                WriteSeeds(name, directory);
                return 0;
            case [string name]:
                RunUnderFuzzer(name);
                return 0;
            case [string name, .. string[] files]:
                RunOver(name, files);
                return 0;
            default:
                Console.Error.WriteLine(Usage);
                return 2;
        }
    }

    private static void RunUnderFuzzer(string name)
    {
        UseOneThread();
        // Made inside: code that is instrumented cannot run before the fuzzer has given it its memory.
        FuzzTarget? target = null;
        var leaks = new LeakWatch();
        byte[] buffer = new byte[FuzzTarget.MostBytes];
        Fuzzer.OutOfProcess.Run(stream =>
        {
            int length = stream.ReadAtLeast(buffer, buffer.Length, throwOnEndOfStream: false);
            try
            {
                target ??= FuzzTargets.All[name]();
                target.Run(buffer.AsSpan(0, length));
                leaks.Check();
            }
            catch (Exception e) when (Environment.GetEnvironmentVariable("FERRY_FINDINGS") is { Length: > 0 } findings)
            {
                // The fuzzer keeps the input only, and what came before it may have had a part in it.
                File.AppendAllText(findings, $"{e}\n{Convert.ToHexString(buffer.AsSpan(0, length))}\n\n");
                throw;
            }
        });
    }

    /// <summary>With one thread the same input takes the same path each time, which is how the fuzzer knows a new one.</summary>
    private static void UseOneThread()
    {
        ThreadPool.SetMinThreads(1, 1);
        ThreadPool.SetMaxThreads(1, 1);
    }

    private static void RunOver(string name, string[] files)
    {
        UseOneThread();
        using FuzzTarget target = FuzzTargets.All[name]();
        foreach (string file in files)
        {
            Console.WriteLine(file);
            target.Run(File.ReadAllBytes(file));
        }
    }

    private static void WriteSeeds(string name, string directory)
    {
        Directory.CreateDirectory(directory);
        using FuzzTarget target = FuzzTargets.All[name]();
        foreach ((string file, byte[] bytes) in target.Seeds())
        {
            File.WriteAllBytes(Path.Combine(directory, file), bytes);
        }
    }
}
