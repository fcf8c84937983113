using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Documents;

public sealed class MarkdownShellTests
{
    [Fact]
    public async Task Blocks_run_in_order_in_one_shell()
    {
        FerryResult result = await RunAsync(
            """
            ```sh
            greeting=hello
            ```
            Some words.
            ```sh
            echo $greeting world
            ```
            ```csharp
            not a command
            ```
            <!-- not run: needs the moon -->
            ```sh
            exit 3
            ```
            """);
        Assert.Equal("hello world\n", result.Output);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public async Task A_failing_command_fails_the_page_and_names_its_line()
    {
        FerryResult result = await RunAsync("Words.\n```sh\nfalse\necho not reached\n```\n");
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("", result.Output);
        Assert.Equal("line 2\n", result.Errors);
    }

    [Fact]
    public async Task What_runs_in_the_background_is_ended_with_the_page()
    {
        FerryResult result = await RunAsync("```sh\nsleep 1000 &\n```\n```sh\necho after\n```\n");
        Assert.Equal("after\n", result.Output);
        Assert.Equal(0, result.ExitCode);
    }

    [Fact]
    public void A_block_that_is_not_run_needs_a_reason() =>
        Assert.Throws<FormatException>(() => MarkdownShell.ToScript("<!-- not run: -->\n```sh\ntrue\n```\n"));

    private static async Task<FerryResult> RunAsync(string markdown)
    {
        using var directory = new TestDirectory();
        return await FerryProcess.RunAsync(
            new FerryCommand("-c", MarkdownShell.ToScript(markdown)) { Program = ["sh"], WorkingDirectory = directory.Path });
    }
}
