namespace Ferry.Tests.Support;

/// <summary>A file system of its own, mounted for one test: tmpfs of a given size, or ext4, XFS or btrfs in an image file.</summary>
internal sealed class TinyFileSystem : IDisposable
{
    private readonly TestDirectory directory = new();

    private TinyFileSystem()
    {
    }

    public string Path => directory["mount"];

    /// <summary>The path of a name in the root of the file system.</summary>
    public string this[string name] => System.IO.Path.Combine(Path, name);

    /// <param name="size">As tmpfs takes it: <c>8m</c>.</param>
    public static TinyFileSystem Tmpfs(string size)
    {
        Needs.Mounting();
        return Mount("-t", "tmpfs", "-o", $"size={size}", "tmpfs");
    }

    /// <param name="type"><c>ext4</c>, <c>xfs</c> or <c>btrfs</c>.</param>
    /// <param name="megabytes">XFS needs 300, btrfs 110.</param>
    public static TinyFileSystem Image(string type, int megabytes)
    {
        Needs.Mounting();
        Needs.Program($"mkfs.{type}");
        var files = new TinyFileSystem();
        string image = files.directory["image"];
        using (FileStream file = File.Create(image))
        {
            file.SetLength((long)megabytes << 20);
        }
        Tool.Run($"mkfs.{type}", "-q", image);
        return files.MountHere("-o", "loop", image);
    }

    /// <summary>Overlayfs, as containers have it: of the file systems here the one on which syncfs is not enough.</summary>
    public static TinyFileSystem Overlay()
    {
        Needs.Mounting();
        var files = new TinyFileSystem();
        string Part(string name) => Directory.CreateDirectory(files.directory[name]).FullName;
        return files.MountHere("-t", "overlay", "-o", $"lowerdir={Part("lower")},upperdir={Part("upper")},workdir={Part("work")}", "overlay");
    }

    /// <summary>One of the others by its name, large enough for small tests.</summary>
    public static TinyFileSystem OfType(string type) => type switch
    {
        "overlay" => Overlay(),
        "tmpfs" => Tmpfs("64m"),
        "ext4" => Image(type, 64),
        _ => Image(type, 320),
    };

    public void Remount(string options) => Tool.Run("mount", "-o", $"remount,{options}", Path);

    public void Dispose()
    {
        Tool.Unmount(Path);
        directory.Dispose();
    }

    private static TinyFileSystem Mount(params string[] arguments) => new TinyFileSystem().MountHere(arguments);

    private TinyFileSystem MountHere(params string[] arguments)
    {
        Directory.CreateDirectory(Path);
        try
        {
            Tool.Run("mount", [.. arguments, Path]);
            return this;
        }
        catch
        {
            directory.Dispose();
            throw;
        }
    }
}
