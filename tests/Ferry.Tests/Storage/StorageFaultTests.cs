using System.Text.Json;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>A storage that fails at one call or another: one entry's clear refusal, nothing visible, and a server that goes on.</summary>
[Trait("Category", "EndToEnd")]
public sealed class StorageFaultTests(StorageFaultTests.SharedServer shared) : IClassFixture<StorageFaultTests.SharedServer>
{
    private const string EveryCall = "openat2,mkdirat,pwrite64,fallocate,fchmod,utimensat,fsync,renameat2,unlinkat,statx,fstatfs";

    /// <summary>From about this size on, blocks are reserved first.</summary>
    private const int Size = 2 << 20;

    [Theory]
    [InlineData("openat2", "EMFILE", "too-many-open-files", 8)]
    [InlineData("openat2", "ENFILE", "too-many-open-files", 8)]
    [InlineData("openat2", "ENOSPC", "no-space", 7)]
    [InlineData("mkdirat", "EDQUOT", "quota", 7)]
    [InlineData("pwrite64", "EIO", "storage-error", 8)]
    [InlineData("pwrite64", "ENOSPC", "no-space", 7)]
    [InlineData("pwrite64", "EDQUOT", "quota", 7)]
    [InlineData("pwrite64", "EFBIG", "file-size-limit", 8)]
    [InlineData("fallocate", "ENOSPC", "no-space", 7, false)]
    [InlineData("fchmod", "EPERM", "permission-denied", 8, false)]
    [InlineData("utimensat", "EROFS", "read-only", 8, false)]
    [InlineData("fsync,syncfs", "EIO", "storage-error", 8)]
    [InlineData("fsync,syncfs", "ENOSPC", "no-space", 7)]
    [InlineData("renameat2", "EIO", "storage-error", 8)]
    [InlineData("renameat2", "ENOSPC", "no-space", 7)]
    public async Task A_failing_call_refuses_the_entry_with_its_own_code_and_the_next_one_is_served(string call, string error, string code, int exitCode, bool plain = true)
    {
        ServedDirectory served = await shared.GetAsync();
        foreach (string left in served.Visible.ToArray())
        {
            File.Delete(served[left]);
        }
        string source = MakeSource(served);
        await using (AttachedStrace strace = await AttachedStrace.StartAsync(served.Server.Pid, "-e", $"trace={call}", "-e", $"inject={call}:error={error}"))
        {
            FerryResult streamed = await served.SendAsync(source, "--as", "streamed", "--no-descriptors", "--json");
            FerryResult passed = await served.SendAsync(source, "--as", "passed", "--json");
            string line = await PlainPeer.DeliverAsync(served.Socket, "plain", new byte[Size]);

            Assert.True(streamed.ExitCode == exitCode, streamed.ToString());
            Assert.Equal((exitCode, code), (streamed.ExitCode, CodeOf(streamed)));
            Assert.Equal((exitCode, code), (passed.ExitCode, CodeOf(passed)));
            Assert.StartsWith(plain ? $"Refused {code}: cannot " : "Stored ", line, StringComparison.Ordinal);
            Assert.Equal(plain ? [] : ["plain"], served.Visible);
        }

        Assert.StartsWith("Stored ", await PlainPeer.DeliverAsync(served.Socket, "plain", [1]), StringComparison.Ordinal);
        Assert.Equal(0, (await served.SendAsync(source, "--as", "passed")).ExitCode);
        await served.WaitForEmptyStagingAsync();
    }

    /// <summary>As on a file system that has just become read-only after an error: what is staged cannot even be removed.</summary>
    [Fact]
    public async Task Entries_that_cannot_be_stored_nor_removed_are_refused_one_by_one()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Directory.CreateDirectory(served["there"]);
        string[] sources = [.. Enumerable.Range(0, 3).Select(i => Path.Combine(served.Sources, $"file{i}"))];
        Array.ForEach(sources, source => File.WriteAllText(source, "content"));
        await using (AttachedStrace strace = await AttachedStrace.StartAsync(served.Server.Pid, "-e", "trace=renameat2,unlinkat", "-e", "inject=renameat2,unlinkat:error=EROFS"))
        {
            FerryResult result = await served.SendAsync([.. sources.Select(source => (FerryPath)source), "--into", "there", "--json"]);

            Assert.True(result.ExitCode == 8, result.ToString());
            Assert.Equal(3, result.Output.Split("\"code\":\"read-only\"").Length - 1);
        }

        Assert.Equal(0, (await served.SendAsync([.. sources.Select(source => (FerryPath)source)])).ExitCode);
        Assert.DoesNotContain("internal", served.Server.Log, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_call_that_a_signal_interrupts_is_made_again()
    {
        ServedDirectory served = await shared.GetAsync();
        string source = MakeSource(served);
        await using AttachedStrace strace = await AttachedStrace.StartAsync(
            served.Server.Pid, "-e", $"trace={EveryCall}", "-e", $"inject={EveryCall}:error=EINTR:when=1+2");

        FerryResult streamed = await served.SendAsync(source, "--into", "d", "--no-descriptors");
        FerryResult passed = await served.SendAsync(source, "--into", "d");
        string line = await PlainPeer.DeliverAsync(served.Socket, "plain", new byte[Size]);
        await served.WaitForEmptyStagingAsync();

        Assert.Equal((0, 0), (streamed.ExitCode, passed.ExitCode));
        Assert.StartsWith("Stored ", line, StringComparison.Ordinal);
        Assert.Equal(await File.ReadAllBytesAsync(source, TestContext.Current.CancellationToken), await File.ReadAllBytesAsync(served["d/source"], TestContext.Current.CancellationToken));
        string[] calls = await strace.DetachAsync();
        Assert.All(EveryCall.Split(','), call => Assert.Contains(calls, line => line.Contains($" {call}(", StringComparison.Ordinal) && line.EndsWith("(INJECTED)", StringComparison.Ordinal)));
        Directory.Delete(served["d"], recursive: true);
        File.Delete(served["plain"]);
    }

    private static string MakeSource(ServedDirectory served)
    {
        string source = Path.Combine(served.Sources, "source");
        File.WriteAllBytes(source, new byte[Size]);
        // One that the umask cuts, so that the server must set it.
        File.SetUnixFileMode(source, (UnixFileMode)Convert.ToInt32("666", 8));
        return source;
    }

    private static string? CodeOf(FerryResult result) => JsonDocument.Parse(result.Output).RootElement.GetProperty("code").GetString();

    /// <summary>One server for all of these tests, on ext4: what it promises is durable there.</summary>
    public sealed class SharedServer : IAsyncDisposable
    {
        private TinyFileSystem? disk;
        private ServedDirectory? served;

        internal async Task<ServedDirectory> GetAsync()
        {
            Needs.Attaching();
            disk ??= TinyFileSystem.Image("ext4", 64);
            return served ??= await ServedDirectory.StartAsync(disk["root"], []);
        }

        public async ValueTask DisposeAsync()
        {
            if (served is not null)
            {
                await served.DisposeAsync();
            }
            disk?.Dispose();
        }
    }
}
