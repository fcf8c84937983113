using Ferry.Tests.Support;

namespace Ferry.Tests.Scripts;

/// <summary>
/// A clone with the real <c>./ferry</c>, one source, and a <c>dotnet</c> that builds at once: what it publishes prints its
/// arguments, and each build leaves a line in <see cref="Builds"/>.
/// </summary>
internal sealed class CloneFixture : IDisposable
{
    private const string Dotnet =
        """
        #!/bin/sh
        case $1 in
        --version) echo 10.0.100 ;;
        publish)
            for argument; do
                [ "$argument" != -p:PublishAot=false ] || ordinary=yes
                [ "$previous" != --output ] || output=$argument
                previous=$argument
            done
            if [ -n "$ordinary" ]; then kind=ordinary; else kind=native; fi
            echo "$kind" >> "$CLONE/builds"
            if [ -n "$BROKEN" ] && { [ "$kind" = native ] || [ "$BROKEN" = everything ]; }; then
                echo "x.cs(1,2): error CS0001: $BROKEN [x.csproj]"
                exit 1
            fi
            sleep "${DURATION:-0}"
            mkdir -p "$output"
            printf '#!/bin/sh\necho "native $*"; cat; exit 7\n' > "$output/Ferry.Cli"
            chmod +x "$output/Ferry.Cli"
            ;;
        *.dll) shift; echo "ordinary $*" ;;
        esac
        """;

    private readonly TestDirectory directory = new();

    public CloneFixture()
    {
        Directory.CreateDirectory(directory["build"]);
        Directory.CreateDirectory(directory["src"]);
        Directory.CreateDirectory(directory["bin"]);
        File.Copy(Repository.PathOf("ferry"), directory["ferry"]);
        File.Copy(Repository.PathOf("build", "environment.sh"), directory["build/environment.sh"]);
        File.WriteAllText(directory["global.json"], "{}");
        File.WriteAllText(directory["Directory.Build.props"], "<Project />");
        File.WriteAllText(Source, "");
        AddProgram("dotnet", Dotnet);
        AddProgram("gcc", "");
        Environment["CLONE"] = directory.Path;
        Environment["PATH"] = $"{directory["bin"]}:{System.Environment.GetEnvironmentVariable("PATH")}";
    }

    /// <summary>BROKEN makes native builds fail with its value, or all builds with <c>everything</c>; DURATION is a build's, in seconds.</summary>
    public Dictionary<string, string?> Environment { get; } = [];

    public string Source => directory["src/Program.cs"];

    /// <summary>The builds so far: <c>native</c> or <c>ordinary</c>.</summary>
    public string[] Builds => File.Exists(directory["builds"]) ? File.ReadAllLines(directory["builds"]) : [];

    public string this[string name] => directory[name];

    public Task<FerryResult> RunAsync(params FerryPath[] arguments) => FerryProcess.RunAsync(new FerryCommand(arguments)
    {
        Program = [directory["ferry"]],
        Input = new MemoryStream("input"u8.ToArray()),
        Environment = Environment,
    });

    public void Dispose() => directory.Dispose();

    private void AddProgram(string name, string script)
    {
        string path = directory[$"bin/{name}"];
        File.WriteAllText(path, script);
        File.SetUnixFileMode(path, UnixFileMode.UserRead | UnixFileMode.UserExecute);
    }
}
