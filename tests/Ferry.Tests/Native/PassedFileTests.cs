using System.Security.Cryptography;
using System.Text.RegularExpressions;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>Open files that real commands pass: from file systems that are not read, changed meanwhile, many at a time.</summary>
[Trait("Category", "EndToEnd")]
public sealed class PassedFileTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A read there may wait for another program for ever, so it is the sender who does it.</summary>
    [Fact]
    public async Task A_file_on_fuse_is_streamed()
    {
        Needs.Mounting();
        Needs.Program("bindfs");
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        using var behind = new TestDirectory();
        await File.WriteAllBytesAsync(behind["file"], RandomNumberGenerator.GetBytes(300_000), Cancel);
        string mounted = Directory.CreateDirectory(Path.Combine(served.Sources, "mounted")).FullName;
        Tool.Run("bindfs", behind.Path, mounted);
        try
        {
            FerryResult result = await served.SendAsync(Path.Combine(mounted, "file"), "--json");

            Assert.True(result.ExitCode == 0, result.ToString());
            Assert.Contains("\"how\":\"streamed\"", result.Output, StringComparison.Ordinal);
            Assert.Equal("", Tool.Run("diff", behind["file"], served["file"]));
        }
        finally
        {
            Tool.Unmount(mounted);
        }
    }

    [Theory]
    [InlineData("echo X | dd of=FILE conv=notrunc status=none")]
    [InlineData("echo more >> FILE")]
    public async Task A_file_that_is_rewritten_while_it_is_copied_is_not_stored(string command)
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string source = Path.Combine(served.Sources, "source");
        await File.WriteAllBytesAsync(source, new byte[20_000_000], Cancel);
        // One of the later writes of the thread that copies takes long enough for everything below.
        await using AttachedStrace slow = await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=pwrite64", "-e", "inject=pwrite64:delay_exit=8000000:when=6");
        Task<FerryResult> sending = served.SendAsync(source, "--json");
        Assert.True(SpinWait.SpinUntil(() => StagedBytes(served) > 0 || sending.IsCompleted, TimeSpan.FromSeconds(30)));

        Tool.Run("sh", "-c", command.Replace("FILE", source, StringComparison.Ordinal));
        FerryResult result = await sending;

        Assert.Equal(12, result.ExitCode);
        Assert.Contains("\"code\":\"source-changed\"", result.Output, StringComparison.Ordinal);
        Assert.Empty(served.Visible);
    }

    [Fact]
    public async Task Many_travel_in_one_message()
    {
        const int Files = 40;
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        string tree = Directory.CreateDirectory(Path.Combine(served.Sources, "tree")).FullName;
        for (int i = 0; i < Files; i++)
        {
            await File.WriteAllBytesAsync(Path.Combine(tree, $"{i}"), RandomNumberGenerator.GetBytes(70_000), Cancel);
        }
        using var strace = new Strace("-e", "trace=sendmsg", "-v");

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("send", tree, "--at", served.Socket) { Wrapper = strace.Wrapper });

        Assert.True(result.ExitCode == 0, result.ToString());
        int[] passed = [.. strace.Calls.Select(call => Regex.Match(call, @"SCM_RIGHTS, cmsg_data=\[([^\]]*)\]")).Where(match => match.Success).Select(match => match.Groups[1].Value.Split(',').Length)];
        Assert.Equal(Files, passed.Sum());
        Assert.True(passed.Length < Files / 2, string.Join(' ', passed));
    }

    private static long StagedBytes(ServedDirectory served) =>
        Directory.EnumerateFiles(served[".ferry"], "*", SearchOption.AllDirectories)
            .Where(path => Path.GetExtension(path) != ".record" && Path.GetFileName(path) != "lock")
            .Select(path => new FileInfo(path)).Where(file => file.Exists).Sum(file => file.Length);
}
