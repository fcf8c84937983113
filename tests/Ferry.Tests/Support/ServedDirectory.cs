using System.Net.Sockets;

namespace Ferry.Tests.Support;

/// <summary>A real server process on a directory of its own.</summary>
internal sealed class ServedDirectory : IAsyncDisposable
{
    private readonly TestDirectory directory = new();

    private ServedDirectory()
    {
    }

    public FerryServerProcess Server { get; private set; } = null!;

    public string Socket => directory["socket"];

    public string Root { get; private set; } = "";

    /// <summary>The path of a name below the root.</summary>
    public string this[string name] => Path.Combine(Root, name);

    /// <summary>A directory for sources, beside the root.</summary>
    public string Sources => Directory.CreateDirectory(directory["sources"]).FullName;

    /// <summary>The names in the root but for the server's own.</summary>
    public IEnumerable<string> Visible => Directory.EnumerateFileSystemEntries(Root).Select(path => Path.GetFileName(path)).Where(name => name != ".ferry").Order(StringComparer.Ordinal);

    /// <summary>What waits in the server's own directory: of each delivery a directory and the files in it.</summary>
    public IEnumerable<string> Staged => Directory.EnumerateFileSystemEntries(this[".ferry/incoming"], "*", SearchOption.AllDirectories);

    public static Task<ServedDirectory> StartAsync(params string[] options) => StartAsync(null, [], options);

    /// <param name="root">The directory to serve, somebody else's; null for one of its own.</param>
    /// <param name="wrapper">As <see cref="FerryCommand.Wrapper"/>.</param>
    /// <param name="options">Options of <c>ferry serve</c>.</param>
    public static async Task<ServedDirectory> StartAsync(string? root, string[] wrapper, params string[] options)
    {
        var served = new ServedDirectory();
        served.Root = root ?? served.directory["root"];
        await served.StartAgainAsync(wrapper, options);
        return served;
    }

    /// <summary>Starts another server in the place of one that has ended.</summary>
    public async Task StartAgainAsync(string[] wrapper, params string[] options) => Server = await FerryServerProcess.StartAsync(
        new FerryCommand(["serve", Root, "--at", Socket, .. options.Select(option => (FerryPath)option)]) { Wrapper = wrapper });

    /// <summary>Returns when no delivery is left: their last traces go a moment after the last receipt.</summary>
    public async Task WaitForEmptyStagingAsync()
    {
        using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
        while (Directory.EnumerateFileSystemEntries(this[".ferry/incoming"]).Any())
        {
            await Task.Delay(10, patience.Token);
        }
    }

    /// <summary>Runs <c>ferry send</c> to this server.</summary>
    public Task<FerryResult> SendAsync(params FerryPath[] arguments) => FerryProcess.RunAsync(["send", "--at", Socket, .. arguments]);

    /// <summary>A connection for a <see cref="ScriptedPeer"/>.</summary>
    public NetworkStream Connect()
    {
        var socket = new System.Net.Sockets.Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        socket.Connect(new UnixDomainSocketEndPoint(Socket));
        return new NetworkStream(socket, ownsSocket: true);
    }

    /// <summary>Delivers through the library, on a connection of its own, and gives the code of the refusal; null when it is stored.</summary>
    public async Task<FerryErrorCode?> DeliverAsync(FerryPath name, string content = "content")
    {
        await using FerryClient client = await FerryClient.ConnectAsync(Socket);
        try
        {
            await client.SendAsync(new MemoryStream(System.Text.Encoding.UTF8.GetBytes(content)), name);
            return null;
        }
        catch (FerryException e)
        {
            return e.Code;
        }
    }

    /// <summary>Returns when a name is there. It appears complete or not at all, so nothing needs to be waited for after that.</summary>
    public async Task<byte[]> WaitForFileAsync(string name)
    {
        await Server.WaitForLogAsync($"Stored {name}: ");
        return await File.ReadAllBytesAsync(this[name]);
    }

    public async ValueTask DisposeAsync()
    {
        await Server.DisposeAsync();
        directory.Dispose();
    }
}
