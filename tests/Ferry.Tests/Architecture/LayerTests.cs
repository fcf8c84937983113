using System.IO.MemoryMappedFiles;
using System.Reflection;
using Ferry.Native;
using Ferry.Server;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Ferry.Tests.Architecture;

/// <summary>The layers of docs/architecture.md, held by what the compiled code refers to.</summary>
public sealed class LayerTests
{
    private static readonly Assembly Library = typeof(FerryClient).Assembly;
    private static readonly Assembly Server = typeof(FerryServer).Assembly;
    private static readonly Assembly Command = Assembly.Load("Ferry.Cli");

    private static readonly Type[] TypesThatOpenPaths =
    [
        typeof(File), typeof(Directory), typeof(FileInfo), typeof(DirectoryInfo), typeof(FileSystemInfo), typeof(DriveInfo),
        typeof(FileSystemWatcher), typeof(MemoryMappedFile), typeof(StreamReader), typeof(StreamWriter),
    ];

    [Fact]
    public void The_library_depends_on_nothing_but_hashing_CBOR_and_logging() => AssertDependencies(
        Library,
        "Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Logging.Abstractions", "System.Formats.Cbor", "System.IO.Hashing");

    [Fact]
    public void The_server_adds_hosting_and_options_and_does_not_know_the_command() => AssertDependencies(
        Server,
        "Ferry", "Microsoft.Extensions.DependencyInjection.Abstractions", "Microsoft.Extensions.Hosting.Abstractions",
        "Microsoft.Extensions.Logging.Abstractions", "Microsoft.Extensions.Options", "System.Formats.Cbor", "System.IO.Hashing");

    [Fact]
    public void The_wire_layer_knows_no_socket_no_file_and_no_other_layer()
    {
        string[] layers = ["Ferry.Transport", "Ferry.Files", "Ferry.Native", "Ferry.Sending", "System.Net", "Microsoft.Win32"];
        Type[] files = [.. TypesThatOpenPaths, typeof(FileStream), typeof(RandomAccess), typeof(SafeFileHandle)];
        AssertNone(
            from reference in CodeReferences.Of(Library)
            where IsWithin(reference.User, "Ferry.Wire")
            from type in CodeReferences.TypesIn(reference.Used)
            where layers.Any(layer => IsWithin(type, layer)) || files.Contains(type)
            select $"{reference.User} uses {type}");
    }

    [Fact]
    public void System_calls_are_declared_in_one_folder() => AssertNone(
        from assembly in new[] { Library, Server, Command }
        from type in assembly.GetTypes()
        where !IsWithin(type, "Ferry.Native")
        from method in type.GetMethods(BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic | BindingFlags.DeclaredOnly)
        where method.Attributes.HasFlag(MethodAttributes.PinvokeImpl)
        select $"{type}.{method.Name}");

    [Fact]
    public void No_code_but_Files_opens_a_path_through_NET() => AssertNone(
        from assembly in new[] { Library, Server }
        from reference in CodeReferences.Of(assembly)
        where !IsWithin(reference.User, "Ferry.Files")
        where TypesThatOpenPaths.Contains(reference.Used.DeclaringType) || OpensFileStreamByName(reference.Used)
        select $"{reference.User} uses {reference.Used.DeclaringType}.{reference.Used.Name}");

    /// <summary>Below a root or a source there is one opener; the others open what lies outside of both.</summary>
    [Fact]
    public void No_code_but_Files_gives_a_path_to_the_kernel()
    {
        string[] openers =
        [
            "Ferry.Files", "Ferry.Native",
            // The socket and its lock file.
            "Ferry.Transport", "Ferry.Server.Listening", "Ferry.Cli.Arguments.DefaultAddress",
            // The root itself.
            "Ferry.Server.Storage.ServedRoot",
        ];
        AssertNone(
            from assembly in new[] { Library, Server, Command }
            from reference in CodeReferences.Of(assembly)
            where reference.Used is MethodInfo && IsWithin(reference.Used.DeclaringType!, "Ferry.Native")
            where TakesPath((MethodInfo)reference.Used) && !openers.Any(opener => IsWithin(reference.User, opener))
            select $"{reference.User} calls {reference.Used.Name}");
    }

    private static bool TakesPath(MethodInfo method) =>
        method.DeclaringType == typeof(FileCalls)
        && method.GetParameters().Any(parameter => parameter.Name is "path" or "from" or "to" && parameter.ParameterType == typeof(ReadOnlySpan<byte>));

    private static bool OpensFileStreamByName(MemberInfo member) =>
        member is ConstructorInfo constructor && constructor.DeclaringType == typeof(FileStream)
        && constructor.GetParameters()[0].ParameterType == typeof(string);

    private static bool IsWithin(Type type, string name) =>
        type.FullName is string fullName && (fullName == name || fullName.StartsWith(name + '.', StringComparison.Ordinal) || fullName.StartsWith(name + '+', StringComparison.Ordinal));

    private static void AssertDependencies(Assembly assembly, params string[] allowed)
    {
        string runtime = Path.GetDirectoryName(typeof(object).Assembly.Location)!;
        AssertNone(
            from reference in assembly.GetReferencedAssemblies()
            where !allowed.Contains(reference.Name) && !File.Exists(Path.Combine(runtime, reference.Name + ".dll"))
            select $"{assembly.GetName().Name} refers to {reference.Name}");
    }

    private static void AssertNone(IEnumerable<string> violations)
    {
        string[] found = [.. violations.Distinct().Order()];
        Assert.True(found.Length == 0, string.Join('\n', found));
    }
}
