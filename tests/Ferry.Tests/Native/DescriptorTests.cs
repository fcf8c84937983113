using System.Net.Sockets;
using System.Security.Cryptography;
using Ferry.Native;
using Ferry.Tests.Support;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>Open files in place of content: those that are what they seem, and those that are not. None is ever leaked.</summary>
public sealed class DescriptorTests
{
    private const int Size = 200_000;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_large_file_is_copied_by_the_server_which_computes_the_hash()
    {
        await using var pair = new NativePair(descriptors: true);
        (string source, byte[] content) = await MakeSourceAsync(pair, 3_000_000);
        await using FerryClient client = await pair.ConnectAsync();

        Receipt receipt = await client.SendAsync(source, cancellationToken: Cancel);

        Assert.Equal((TransferMethod.Copied, HashCheck.Server, 3_000_000), (receipt.How, receipt.Checked, receipt.Size));
        Assert.Equal("xxh128:" + Convert.ToHexStringLower(System.IO.Hashing.XxHash128.Hash(content)), receipt.Hash);
        Assert.Equal(content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "source"), Cancel));
    }

    [Theory]
    [InlineData("xfs")]
    [InlineData("btrfs")]
    public async Task Where_the_file_system_can_it_is_cloned_and_nobody_reads_it(string type)
    {
        Needs.Mounting();
        Needs.Program("mkfs." + type);
        using TinyFileSystem disk = TinyFileSystem.Image(type, 400);
        await using var pair = new NativePair(options => options.Root = disk["root"], descriptors: true);
        byte[] content = RandomNumberGenerator.GetBytes(3_000_000);
        await File.WriteAllBytesAsync(disk["source"], content, Cancel);
        await using FerryClient client = await pair.ConnectAsync();

        Receipt receipt = await client.SendAsync(disk["source"], cancellationToken: Cancel);

        Assert.Equal((TransferMethod.Cloned, HashCheck.None, null), (receipt.How, receipt.Checked, receipt.Hash));
        Assert.Equal(content, await File.ReadAllBytesAsync(disk["root/source"], Cancel));
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)]
    public async Task Either_side_can_leave_descriptors_out(bool client, bool server)
    {
        await using var pair = new NativePair(options => options.Descriptors = server, descriptors: true);
        (string source, byte[] content) = await MakeSourceAsync(pair, Size);
        await using FerryClient connected = await pair.ConnectAsync(new FerryClientOptions { Descriptors = client });

        Receipt receipt = await connected.SendAsync(source, cancellationToken: Cancel);

        Assert.Equal((TransferMethod.Streamed, HashCheck.Both), (receipt.How, receipt.Checked));
        Assert.Equal(content, await File.ReadAllBytesAsync(Path.Combine(pair.Root, "source"), Cancel));
    }

    [Fact]
    public async Task Through_a_relay_that_drops_descriptors_content_is_streamed()
    {
        Needs.Program("socat");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string file = Path.Combine(served.Sources, "file");
        await File.WriteAllBytesAsync(file, RandomNumberGenerator.GetBytes(Size), Cancel);
        using System.Diagnostics.Process relay = System.Diagnostics.Process.Start("socat", [$"UNIX-LISTEN:{served.Socket}.relay", $"UNIX-CONNECT:{served.Socket}"])!;

        FerryResult result = await FerryProcess.RunAsync("send", file, "--at", served.Socket + ".relay", "--wait", "10s", "--json");
        await relay.WaitForExitAsync(Cancel);

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Contains("\"how\":\"streamed\"", result.Output, StringComparison.Ordinal);
    }

    /// <summary>What may be passed and cannot be used is asked for as content.</summary>
    [Theory]
    [InlineData("a FIFO")]
    [InlineData("a directory")]
    [InlineData("a socket")]
    [InlineData("a mere path")]
    [InlineData("a file open for writing alone")]
    [InlineData("a device")]
    [InlineData("none at all")]
    public async Task An_unusable_descriptor_gets_a_go(string what)
    {
        await using var pair = new NativePair(descriptors: true);
        using var peer = new DescriptorPeer(pair.ClientStream);
        byte[] content = RandomNumberGenerator.GetBytes(Size);
        using SafeFileHandle? handle = Open(pair, what);
        await peer.GreetAsync();

        await peer.OfferAsync(1, Size);
        await peer.PassAsync([1], handle is null ? [] : [handle]);
        await peer.Script.ReadAsync(FrameType.Go);
        await peer.Script.ContentAsync(1, content);
        await peer.Script.EndAsync(1, content);

        ReceiptMessage receipt = await peer.Script.ReadReceiptAsync();
        Assert.Equal((ReceiptResult.Stored, TransferMethod.Streamed), (receipt.Result, receipt.How));
        AssertNothingLeaked();
    }

    [Theory]
    [InlineData("a file open for appending", true)]
    [InlineData("a sealed file in memory", true)]
    [InlineData("a file that is shorter than offered", false)]
    [InlineData("a file that is longer than offered", false)]
    public async Task A_readable_file_is_stored_when_it_is_what_was_offered(string what, bool stored)
    {
        await using var pair = new NativePair(descriptors: true);
        using var peer = new DescriptorPeer(pair.ClientStream);
        using SafeFileHandle handle = Open(pair, what)!;
        await peer.GreetAsync();

        await peer.OfferAsync(1, Size);
        await peer.PassAsync([1], [handle]);
        ReceiptMessage receipt = await peer.Script.ReadReceiptAsync();
        await peer.Script.SendAsync(1, End.WithoutContent);
        await peer.Script.SendAsync(0, new Finish());
        await peer.Script.ReadAsync(FrameType.Finish);

        Assert.Equal(stored ? ReceiptResult.Stored : ReceiptResult.Changed, receipt.Result);
        Assert.Equal(stored, File.Exists(Path.Combine(pair.Root, "name")));
        await pair.Session;
        AssertNothingLeaked();
    }

    [Theory]
    [InlineData("before the proof", FerryErrorCode.Protocol)]
    [InlineData("with a wrong proof", FerryErrorCode.Protocol)]
    [InlineData("with an offer", FerryErrorCode.Protocol)]
    [InlineData("with content", FerryErrorCode.Protocol)]
    [InlineData("more than announced", FerryErrorCode.Protocol)]
    [InlineData("for an entry never offered", FerryErrorCode.Protocol)]
    [InlineData("for an entry offered with content", FerryErrorCode.Protocol)]
    [InlineData("twice for one entry", FerryErrorCode.Protocol)]
    [InlineData("content instead", FerryErrorCode.Protocol)]
    [InlineData("more offers than the limit", FerryErrorCode.Limit)]
    public async Task A_descriptor_where_none_belongs_ends_the_connection(string fault, FerryErrorCode code)
    {
        await using var pair = new NativePair(descriptors: true);
        using var peer = new DescriptorPeer(pair.ClientStream);
        using SafeFileHandle file = Open(pair, "a FIFO")!;
        await peer.GreetAsync(answer: fault switch { "before the proof" => null, "with a wrong proof" => false, _ => true });
        try
        {
            switch (fault)
            {
                case "with an offer":
                    await peer.SendAttachedAsync(new Offer(EntryKind.File, "name", Size, default, null, true), 1, [file]);
                    await peer.PassAsync([1], [file]);
                    break;
                case "with content":
                    await peer.Script.OfferAsync(1, "name", 5);
                    await peer.SendAttachedAsync(ScriptedPeer.Frame(FrameType.Content, 1, new byte[5]), [file]);
                    await peer.Script.EndAsync(1, new byte[5]);
                    break;
                case "more than announced":
                    await peer.OfferAsync(1, Size);
                    await peer.PassAsync([1], [file, file, file]);
                    break;
                case "for an entry never offered":
                    await peer.PassAsync([77], [file]);
                    break;
                case "for an entry offered with content":
                    await peer.Script.OfferAsync(1, "name", Size);
                    await peer.PassAsync([1], [file]);
                    break;
                case "twice for one entry":
                    await peer.OfferAsync(1, Size);
                    await peer.PassAsync([1, 1], [file, file]);
                    break;
                case "content instead":
                    await peer.OfferAsync(1, Size);
                    await peer.Script.ContentAsync(1, new byte[10]);
                    break;
                case "more offers than the limit":
                    for (uint entry = 1; entry <= ProtocolLimits.MaxDescriptors + 1; entry++)
                    {
                        await peer.OfferAsync(entry, Size);
                    }
                    break;
                default:
                    await peer.OfferAsync(1, Size);
                    await peer.PassAsync([1], [file]);
                    break;
            }
        }
        catch (IOException)
        {
            // The server gave up before all of it was sent.
        }

        FerryConnectionException e = await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        Assert.Equal(code, e.Code);
        AssertNothingLeaked();
    }

    /// <summary>The kernel cuts what does not fit; what arrives is not used, because nobody knows which entries it is for.</summary>
    [Fact]
    public async Task A_message_with_more_descriptors_than_the_server_takes_ends_the_connection_and_leaks_none()
    {
        await using var pair = new NativePair(descriptors: true);
        using var peer = new DescriptorPeer(pair.ClientStream);
        using SafeFileHandle file = Open(pair, "a FIFO")!;
        await peer.GreetAsync();

        await peer.OfferAsync(1, Size);
        await peer.PassAsync([1], [.. Enumerable.Repeat(file, DescriptorCalls.MostPerMessage)]);

        await Assert.ThrowsAsync<FerryConnectionException>(() => pair.Session);
        AssertNothingLeaked();
    }

    [Fact]
    public async Task Who_passes_files_and_reads_no_receipt_leaves_nothing_open()
    {
        const int PerMessage = 16;
        await using var pair = new NativePair(descriptors: true);
        using var peer = new DescriptorPeer(pair.ClientStream);
        (string source, _) = await MakeSourceAsync(pair, Size);
        using SafeFileHandle file = File.OpenHandle(source);
        await peer.GreetAsync();

        for (uint first = 1; first < ProtocolLimits.MaxDescriptors; first += PerMessage)
        {
            uint[] entries = [.. Enumerable.Range((int)first, PerMessage).Select(number => (uint)number)];
            foreach (uint entry in entries)
            {
                await peer.OfferAsync(entry, Size);
            }
            await peer.PassAsync(entries, [.. Enumerable.Repeat(file, PerMessage)]);
        }
        Assert.True(SpinWait.SpinUntil(() => pair.Receipts.Count > 0, TimeSpan.FromSeconds(20)));
        await pair.ClientStream.DisposeAsync();

        await Assert.ThrowsAnyAsync<FerryException>(() => pair.Session);
        // The test's own.
        Assert.Single(Directory.EnumerateFiles("/proc/self/fd"), path => new FileInfo(path).LinkTarget == source);
    }

    [Fact]
    public async Task A_file_that_is_truncated_while_it_is_copied_is_not_stored()
    {
        await using var pair = new NativePair(descriptors: true);
        (string source, _) = await MakeSourceAsync(pair, 100_000_000);
        await using FerryClient client = await pair.ConnectAsync();
        using var stop = new CancellationTokenSource();
        Task shortening = Task.Run(() =>
        {
            using FileStream file = File.OpenWrite(source);
            for (long size = 99_999_999; size > 0 && !stop.IsCancellationRequested; size -= 100_000)
            {
                file.SetLength(size);
            }
        }, Cancel);

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => client.SendAsync(source, cancellationToken: Cancel));
        await stop.CancelAsync();
        await shortening;

        Assert.Equal(FerryErrorCode.SourceChanged, e.Code);
        Assert.False(File.Exists(Path.Combine(pair.Root, "source")));
    }

    [Fact]
    public async Task Hundreds_of_files_arrive_by_descriptor_and_small_ones_with_their_content()
    {
        await using var pair = new NativePair(descriptors: true);
        string tree = Directory.CreateDirectory(Path.Combine(pair.Sources, "tree")).FullName;
        for (int i = 0; i < 300; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(tree, $"f{i}"), RandomNumberGenerator.GetBytes(i % 2 == 0 ? 100 : 70_000), Cancel);
        }
        await using FerryClient client = await pair.ConnectAsync();

        List<Receipt> receipts = await client.SendManyAsync([tree], cancellationToken: Cancel).ToListAsync(Cancel);

        Assert.Equal("", Tool.Run("diff", "-r", tree, Path.Combine(pair.Root, "tree")));
        Assert.Equal(150, receipts.Count(receipt => receipt.How == TransferMethod.Copied));
    }

    private static async Task<(string Path, byte[] Content)> MakeSourceAsync(NativePair pair, int size)
    {
        byte[] content = RandomNumberGenerator.GetBytes(size);
        string path = Path.Combine(pair.Sources, "source");
        await File.WriteAllBytesAsync(path, content, Cancel);
        return (path, content);
    }

    private static SafeFileHandle? Open(NativePair pair, string what)
    {
        string path = Path.Combine(pair.Sources, "passed");
        File.WriteAllBytes(path, new byte[what switch { "a file that is shorter than offered" => Size - 1, "a file that is longer than offered" => Size + 1, _ => Size }]);
        SafeFileHandle? handle = null;
        int error = what switch
        {
            "none at all" => 0,
            "a FIFO" => OpenPath(MakeFifo(path + "-fifo"), OpenFlags.ReadWrite | OpenFlags.NonBlocking, out handle),
            "a directory" => OpenPath(pair.Sources, OpenFlags.ReadOnly, out handle),
            "a socket" => MakeSocket(out handle),
            "a mere path" => OpenPath(path, OpenFlags.Path, out handle),
            "a file open for writing alone" => OpenPath(path, OpenFlags.WriteOnly, out handle),
            "a file open for appending" => OpenPath(path, OpenFlags.ReadWrite | 0x400, out handle),
            "a device" => OpenPath("/dev/zero", OpenFlags.ReadOnly, out handle),
            "a sealed file in memory" => DescriptorCalls.MakeMemoryFile(new byte[Size], out handle),
            _ => OpenPath(path, OpenFlags.ReadOnly, out handle),
        };
        Assert.Equal(0, error);
        return handle;
    }

    private static int OpenPath(string path, int flags, out SafeFileHandle handle) =>
        FileCalls.Open(FileCalls.WorkingDirectory, ((FerryPath)path).Bytes, flags, 0, out handle);

    private static int MakeSocket(out SafeFileHandle handle)
    {
        var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        handle = new SafeFileHandle(socket.SafeHandle.DangerousGetHandle(), ownsHandle: true);
        socket.SafeHandle.SetHandleAsInvalid();
        return 0;
    }

    private static string MakeFifo(string path)
    {
        Tool.Run("mkfifo", path);
        return path;
    }

    /// <summary>No descriptor of this process leads to a file that a test passed, but for the test's own.</summary>
    private static void AssertNothingLeaked()
    {
        int passed = Directory.EnumerateFiles("/proc/self/fd").Count(path => new FileInfo(path).LinkTarget is { } target && target.EndsWith("-fifo", StringComparison.Ordinal));
        Assert.True(passed <= 4, $"{passed} descriptors lead to a passed FIFO");
    }
}
