using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Scripts;

public sealed class FerryScriptTests : IDisposable
{
    private readonly CloneFixture clone = new();

    public void Dispose() => clone.Dispose();

    [Fact]
    public async Task The_first_use_builds_says_so_on_standard_error_and_becomes_the_command()
    {
        FerryResult result = await clone.RunAsync("send", "a b");
        Assert.Equal("native send a b\ninput", result.Output);
        Assert.Contains("building the command, which takes about", result.Errors, StringComparison.Ordinal);
        Assert.Equal(7, result.ExitCode);
    }

    [Fact]
    public async Task What_is_built_is_not_built_again()
    {
        await clone.RunAsync();
        FerryResult result = await clone.RunAsync();
        Assert.Equal("", result.Errors);
        Assert.Single(clone.Builds);
    }

    [Fact]
    public async Task A_newer_a_new_and_a_missing_source_are_each_a_reason_to_build()
    {
        await clone.RunAsync();
        File.SetLastWriteTimeUtc(clone.Source, DateTime.UtcNow.AddMinutes(1));
        await clone.RunAsync();
        File.SetLastWriteTimeUtc(clone.Source, DateTime.UtcNow.AddMinutes(-1));
        await clone.RunAsync();
        Assert.Equal(2, clone.Builds.Length);
        File.Move(clone.Source, clone["src/Other.cs"]);
        await clone.RunAsync();
        File.Delete(clone["src/Other.cs"]);
        await clone.RunAsync();
        Assert.Equal(4, clone.Builds.Length);
    }

    [Fact]
    public async Task What_an_ordinary_build_leaves_is_no_source()
    {
        await clone.RunAsync();
        Directory.CreateDirectory(clone["src/obj"]);
        File.WriteAllText(clone["src/obj/Generated.cs"], "");
        await clone.RunAsync();
        Assert.Single(clone.Builds);
    }

    [Fact]
    public async Task A_failed_native_build_is_replaced_by_an_ordinary_one_with_the_cause_on_one_line()
    {
        clone.Environment["BROKEN"] = "no linker";
        FerryResult result = await clone.RunAsync("send");
        Assert.Equal("ordinary send\n", result.Output);
        Assert.Contains("ferry: no native build: CS0001: no linker, see ", result.Errors, StringComparison.Ordinal);
        Assert.Equal(["native", "ordinary"], clone.Builds);
    }

    [Fact]
    public async Task A_build_that_fails_altogether_is_tried_again_the_next_time()
    {
        clone.Environment["BROKEN"] = "everything";
        FerryResult result = await clone.RunAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Contains("ferry: the build failed: CS0001: everything", result.Errors, StringComparison.Ordinal);
        clone.Environment.Remove("BROKEN");
        Assert.Equal(7, (await clone.RunAsync()).ExitCode);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task Of_several_started_at_once_one_builds(bool flock)
    {
        clone.Environment["DURATION"] = "0.3";
        if (!flock)
        {
            clone.Environment["PATH"] = PathWithout("flock");
        }
        FerryResult[] results = await Task.WhenAll(Enumerable.Range(0, 3).Select(_ => clone.RunAsync()));
        Assert.All(results, result => Assert.Equal(7, result.ExitCode));
        Assert.Single(clone.Builds);
        Assert.Contains(results, result => result.Errors.Contains("waiting for", StringComparison.Ordinal));
    }

    [Fact]
    public async Task Without_dotnet_the_error_says_what_is_needed()
    {
        clone.Environment["PATH"] = PathWithout("dotnet");
        FerryResult result = await clone.RunAsync();
        Assert.Equal(1, result.ExitCode);
        Assert.Equal("ferry: the .NET 10 SDK is needed, and dotnet is not in PATH; https://dot.net/download tells how to install it\n", result.Errors);
    }

    /// <summary>A search path with the clone's programs and the few others that the script calls, without one of them.</summary>
    private string PathWithout(string missing)
    {
        string programs = clone["programs"];
        Directory.CreateDirectory(programs);
        string[] needed = ["sh", "cat", "chmod", "cksum", "cut", "dirname", "find", "flock", "ln", "mkdir", "mv", "readlink", "rm", "sed", "sleep", "sort", "tr"];
        string[] directories = [clone["bin"], "/usr/bin", "/bin"];
        foreach (string name in needed.Append("dotnet").Append("gcc").Where(name => name != missing))
        {
            string program = directories.Select(directory => Path.Combine(directory, name)).First(File.Exists);
            File.CreateSymbolicLink(Path.Combine(programs, name), program);
        }
        return programs;
    }
}
