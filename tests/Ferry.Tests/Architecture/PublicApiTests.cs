using System.Reflection;
using Ferry.Server;
using Ferry.Tests.Support;
using PublicApiGenerator;
using Xunit;

namespace Ferry.Tests.Architecture;

/// <summary>The public surface is what the files in PublicApi/ say, so that a change of it shows in a review.</summary>
public sealed class PublicApiTests
{
    [Fact]
    public void The_public_surface_of_Ferry_is_the_reviewed_one() => Compare(typeof(FerryClient).Assembly);

    [Fact]
    public void The_public_surface_of_Ferry_Server_is_the_reviewed_one() => Compare(typeof(FerryServer).Assembly);

    private static void Compare(Assembly assembly)
    {
        string actual = assembly.GeneratePublicApi(new ApiGeneratorOptions { IncludeAssemblyAttributes = false }) + "\n";
        string file = $"{assembly.GetName().Name}.txt";
        string reviewed = Repository.PathOf("tests", "Ferry.Tests", "PublicApi", file);
        if (File.Exists(reviewed) && File.ReadAllText(reviewed) == actual)
        {
            return;
        }
        string written = Repository.PathOf("artifacts", file);
        Directory.CreateDirectory(Path.GetDirectoryName(written)!);
        File.WriteAllText(written, actual);
        Assert.Fail($"The public surface differs from {reviewed}. Where that is meant, read and commit: cp {written} {reviewed}");
    }
}
