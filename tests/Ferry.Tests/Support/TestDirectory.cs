namespace Ferry.Tests.Support;

/// <summary>A new directory, on tmpfs where there is one, removed with all that is in it when disposed.</summary>
internal sealed class TestDirectory : IDisposable
{
    private const string Memory = "/dev/shm";

    public TestDirectory(string? parent = null)
    {
        Path = System.IO.Path.Combine(
            parent ?? (Directory.Exists(Memory) ? Memory : System.IO.Path.GetTempPath()), $"ferry-test-{Guid.NewGuid():N}");
        Directory.CreateDirectory(Path);
    }

    public string Path { get; }

    /// <summary>The path of a name below this directory.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    public void Dispose()
    {
        // rm goes deeper than .NET's paths do; a test may have left directories that their owner cannot empty.
        if (!Tool.Succeeds("rm", "-rf", Path))
        {
            Tool.Run("chmod", "-R", "u+rwx", Path);
            Tool.Run("rm", "-rf", Path);
        }
    }
}
