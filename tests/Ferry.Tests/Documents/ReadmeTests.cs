using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Documents;

[Trait("Category", "EndToEnd")]
public sealed class ReadmeTests
{
    [Fact]
    public async Task Every_command_of_the_README_works_as_it_stands()
    {
        using var directory = new TestDirectory();
        PutCommandInto(directory);
        PutReadersFilesInto(directory);
        string script = MarkdownShell.ToScript(await File.ReadAllTextAsync(Repository.PathOf("README.md"), TestContext.Current.CancellationToken));

        FerryResult result = await FerryProcess.RunAsync(new FerryCommand("-c", script)
        {
            Program = ["sh"],
            WorkingDirectory = directory.Path,
            Environment =
            {
                ["PATH"] = $"{directory.Path}:{Environment.GetEnvironmentVariable("PATH")}",
                ["HOME"] = directory.Path,
                ["XDG_RUNTIME_DIR"] = directory.Path,
                ["FERRY_CLONE"] = Repository.Root,
            },
            Timeout = TimeSpan.FromMinutes(3),
        });

        Assert.True(result.ExitCode == 0, result.ToString());
        Assert.Equal("a photo", await File.ReadAllTextAsync(directory["inbox/from-phone/photos/one.jpg"], TestContext.Current.CancellationToken));
        Assert.Equal("hello\n", await File.ReadAllTextAsync(directory["inbox/greetings/hello.txt"], TestContext.Current.CancellationToken));
    }

    /// <summary>What the README takes for granted that its reader has.</summary>
    private static void PutReadersFilesInto(TestDirectory directory)
    {
        File.WriteAllText(directory["report.pdf"], "a report");
        Directory.CreateDirectory(directory["photos"]);
        File.WriteAllText(directory["photos/one.jpg"], "a photo");
    }

    /// <summary>As <c>ferry</c> and as <c>./ferry</c>.</summary>
    private static void PutCommandInto(TestDirectory directory)
    {
        string program = string.Join(' ', FerryCommand.UnderTest.Select(part => $"'{part}'"));
        File.WriteAllText(directory["ferry"], $"#!/bin/sh\nexec {program} \"$@\"\n");
        File.SetUnixFileMode(directory["ferry"], UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
    }
}
