using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Cli;

/// <summary>Time-outs are on silence: whoever waits for its input or its disk says so and is waited for.</summary>
[Trait("Category", "EndToEnd")]
public sealed class StallTests
{
    /// <summary>Short beside what is waited for, and long beside what a busy machine keeps a process from running.</summary>
    private const string Stall = "3s";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_sender_whose_input_is_slow_is_waited_for()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync("--stall-timeout", Stall);

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("send", "-", "--as", "slow", "--at", served.Socket) { Input = new SlowStream(TimeSpan.FromSeconds(6)) });

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("late", await File.ReadAllTextAsync(served["slow"], Cancel));
    }

    [Fact]
    public async Task A_server_whose_disk_is_slow_is_waited_for()
    {
        using var strace = new Strace("-e", "trace=utimensat", "-e", "inject=utimensat:delay_enter=6s");
        using var directory = new TestDirectory();
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", directory["root"], "--at", directory["socket"]) { Wrapper = strace.Wrapper });
        await File.WriteAllTextAsync(directory["file"], "content", Cancel);

        FerryResult result = await FerryProcess.RunAsync("send", directory["file"], "--at", directory["socket"], "--stall-timeout", Stall);

        Assert.True(result.ExitCode == 0, result.ToString());
    }

    [Fact]
    public async Task A_server_that_is_stopped_in_the_middle_is_given_up_with_exit_code_five()
    {
        await using ServedDirectory served = await ServedDirectory.StartAsync();
        Task<FerryResult> sending = FerryProcess.RunAsync(new FerryCommand("send", "/dev/zero", "--as", "zero", "--at", served.Socket, "--stall-timeout", Stall));
        await served.Server.WaitForLogAsync("Connection established!");

        Signal.Send(served.Server.Pid, Signal.Stop);
        FerryResult result = await sending;
        Signal.Send(served.Server.Pid, Signal.Continue);

        Assert.Equal(5, result.ExitCode);
        Assert.Contains("stall", result.Errors, StringComparison.Ordinal);
    }

    /// <summary>Gives its content after a while.</summary>
    private sealed class SlowStream(TimeSpan delay) : Stream
    {
        private bool given;

        public override bool CanRead => true;

        public override bool CanSeek => false;

        public override bool CanWrite => false;

        public override long Length => throw new NotSupportedException();

        public override long Position
        {
            get => throw new NotSupportedException();
            set => throw new NotSupportedException();
        }

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
        {
            if (given)
            {
                return 0;
            }
            given = true;
            await Task.Delay(delay, cancellationToken);
            "late"u8.CopyTo(buffer.Span);
            return 4;
        }

        public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

        public override void Flush()
        {
        }

        public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

        public override void SetLength(long value) => throw new NotSupportedException();

        public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();
    }
}
