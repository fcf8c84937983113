using System.Diagnostics;

namespace Ferry.Cli.Demo;

/// <summary>The private directory in which a demo takes place, removed with all that is in it when disposed.</summary>
internal sealed class DemoDirectory : IDisposable
{
    /// <summary>Ctrl-C at a terminal ends these programs too.</summary>
    private const int MostAttempts = 5;

    private readonly string path = Directory.CreateTempSubdirectory("ferry-demo-").FullName;

    /// <summary>The path of a name in it.</summary>
    public string this[string name] => Path.Combine(path, name);

    public void Dispose()
    {
        // The reader's own files may have names that .NET cannot say, and directories that their owner may not empty.
        for (int attempt = 0; attempt < MostAttempts && Directory.Exists(path); attempt++)
        {
            Run("chmod", "-R", "u+rwX", path);
            Run("rm", "-rf", path);
        }
    }

    private static void Run(string program, params string[] arguments)
    {
        using Process process = Process.Start(program, arguments);
        process.WaitForExit();
    }
}
