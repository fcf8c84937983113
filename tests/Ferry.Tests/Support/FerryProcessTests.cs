using System.Text;
using Xunit;

namespace Ferry.Tests.Support;

/// <summary>The harness itself: a stand-in for the command shows what arrives.</summary>
public sealed class FerryProcessTests
{
    [Fact]
    public async Task Arguments_that_are_not_UTF_8_arrive_byte_for_byte()
    {
        byte[] name = [.. "a'\\% \n"u8, 0xFF, 0x81, 0x88, .. "\n\n"u8];
        FerryResult result = await FerryProcess.RunAsync(
            new FerryCommand(FerryPath.FromBytes(name)) { Program = ["sh", "-c", "cat /proc/$$/cmdline; exit 0"] });
        byte[][] arguments = [.. Split(result.OutputBytes)];
        Assert.Contains(arguments, argument => argument.AsSpan().SequenceEqual(name));
    }

    [Fact]
    public async Task Standard_input_and_environment_reach_the_command()
    {
        FerryResult result = await FerryProcess.RunAsync(new FerryCommand
        {
            Program = ["sh", "-c", "cat; echo $GREETING >&2; exit 7"],
            Input = new MemoryStream("content"u8.ToArray()),
            Environment = { ["GREETING"] = "hello" },
        });
        Assert.Equal("content", result.Output);
        Assert.Equal("hello\n", result.Errors);
        Assert.Equal(7, result.ExitCode);
    }

    [Fact]
    public async Task A_command_that_does_not_end_is_killed()
    {
        var command = new FerryCommand { Program = ["sh", "-c", "echo waiting >&2; exec sleep 1000"], Timeout = TimeSpan.FromMilliseconds(300) };
        TimeoutException exception = await Assert.ThrowsAsync<TimeoutException>(() => FerryProcess.RunAsync(command));
        Assert.Contains("waiting", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_server_has_started_when_it_says_so_and_ends_by_the_signal_it_is_sent()
    {
        await using FerryServerProcess server = await FerryServerProcess.StartAsync(
            new FerryCommand("serve", "d", "--at", "unix:/s") { Program = ["sh", "-c", "echo Server started at /s >&2; exec sleep 1000"] });
        Assert.Equal("/s", server.Socket);
        FerryResult result = await server.StopAsync(Signal.Terminate);
        Assert.Equal(128 + Signal.Terminate, result.ExitCode);
    }

    [Fact]
    public async Task A_server_that_ends_instead_of_starting_is_reported_with_its_words()
    {
        var command = new FerryCommand { Program = ["sh", "-c", "echo no such directory >&2; exit 2"] };
        InvalidOperationException exception =
            await Assert.ThrowsAsync<InvalidOperationException>(() => FerryServerProcess.StartAsync(command));
        Assert.Contains("no such directory", exception.Message, StringComparison.Ordinal);
        Assert.Contains("exit code 2", exception.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Strace_leaves_the_process_id_to_the_command()
    {
        using var strace = new Strace("-e", "trace=write");
        FerryResult result = await FerryProcess.RunAsync(new FerryCommand { Wrapper = strace.Wrapper, Program = ["sh", "-c", "echo traced"] });
        Assert.Equal("traced\n", result.Output);
        Assert.Contains(strace.Calls, call => call.Contains("\"traced\\n\"", StringComparison.Ordinal));
    }

    private static IEnumerable<byte[]> Split(byte[] commandLine) =>
        Encoding.Latin1.GetString(commandLine).Split('\0').Select(Encoding.Latin1.GetBytes);
}
