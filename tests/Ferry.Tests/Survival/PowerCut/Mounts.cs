using Ferry.Tests.Support;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>An image mounted through a loop device of its own.</summary>
internal sealed class Mounts : IDisposable
{
    private readonly string device;

    /// <param name="type"><c>ext4</c>, <c>xfs</c> or <c>btrfs</c>.</param>
    /// <param name="image">The file.</param>
    /// <param name="directory">Where.</param>
    /// <param name="options">More of <c>losetup</c>.</param>
    public Mounts(string type, string image, string directory, params string[] options)
    {
        Path = Directory.CreateDirectory(directory).FullName;
        device = Tool.Run("losetup", ["--find", "--show", .. options, image]).Trim();
        try
        {
            // A copy of an XFS image has the name of the one that it is a copy of.
            Tool.Run("mount", "-t", type, "-o", type == "xfs" ? "nouuid" : "defaults", device, directory);
        }
        catch
        {
            Tool.Succeeds("losetup", "--detach", device);
            throw;
        }
    }

    public string Path { get; }

    public string Device => device;

    /// <summary>An empty file system, without work left for later.</summary>
    public static void MakeImage(string type, string image)
    {
        Needs.Program($"mkfs.{type}");
        using (FileStream file = File.Create(image))
        {
            file.SetLength((type == "ext4" ? 128L : 320L) << 20);
        }
        string[] options = type == "ext4" ? ["-E", "lazy_itable_init=0,lazy_journal_init=0"] : [];
        Tool.Run($"mkfs.{type}", ["-q", .. options, image]);
    }

    public void Dispose()
    {
        Tool.Unmount(Path);
        Tool.Succeeds("losetup", "--detach", device);
    }
}
