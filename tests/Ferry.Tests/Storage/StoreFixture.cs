using System.Text;
using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Tests.Support;

namespace Ferry.Tests.Storage;

/// <summary>A store on a directory of its own, with one delivery begun.</summary>
internal sealed class StoreFixture : IDisposable
{
    private readonly TestDirectory? directory;

    public StoreFixture(Action<FerryServerOptions>? configure = null)
        : this(new TestDirectory(), configure)
    {
    }

    /// <summary>The same on a directory of somebody else's.</summary>
    public StoreFixture(string root, Action<FerryServerOptions>? configure = null)
    {
        Root = root;
        var options = new FerryServerOptions { Root = root, Address = "unused" };
        configure?.Invoke(options);
        Store = Store.Open(options);
        Delivery = Store.BeginDelivery();
    }

    private StoreFixture(TestDirectory directory, Action<FerryServerOptions>? configure)
        : this(directory.Path, configure) => this.directory = directory;

    public string Root { get; }

    public Store Store { get; }

    public Delivery Delivery { get; }

    /// <summary>The path of a name below the root.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <summary>Everything in the root but the server's own directory.</summary>
    public IEnumerable<string> Visible => Directory.EnumerateFileSystemEntries(Root).Select(path => Path.GetFileName(path)).Where(name => name != ".ferry").Order();

    /// <summary>What waits in staging: directories of deliveries, and files.</summary>
    public IEnumerable<string> Staged => Directory.EnumerateFileSystemEntries(this[".ferry/incoming"], "*", SearchOption.AllDirectories);

    public string Send(FerryPath name, string content = "content", EntryMetadata metadata = default, Durability level = Durability.Received) =>
        Send(Delivery, name, content, metadata, level);

    public static string Send(
        Delivery delivery, FerryPath name, string content = "content", EntryMetadata metadata = default, Durability level = Durability.Received)
    {
        byte[] bytes = Encoding.UTF8.GetBytes(content);
        using IncomingFile file = delivery.CreateFile(name, new FileExpectation(bytes.Length, metadata, level));
        file.Write(bytes);
        return file.Commit().Name.ToString();
    }

    public void Dispose()
    {
        Delivery.Dispose();
        Store.Dispose();
        directory?.Dispose();
    }
}
