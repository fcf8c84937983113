using System.IO.Hashing;
using System.Text;
using Ferry.Wire;

namespace Ferry.Tests.Survival;

/// <summary>One file of a scenario.</summary>
/// <param name="Name">Below the directory that is sent.</param>
/// <param name="Size">In bytes.</param>
/// <param name="IsThere">Whether another version of it is there before.</param>
internal sealed record ScenarioFile(string Name, int Size, bool IsThere = false);

/// <summary>
/// A delivery to be disturbed: what the served directory holds before, what is sent, and how. To prove more, add one to <see cref="All"/>:
/// it is then killed, failed and cut like the others.
/// </summary>
/// <param name="Name">Everything goes into a directory of this name, but for the plain protocol, which has none.</param>
/// <param name="Files">What is sent.</param>
internal sealed record Scenario(string Name, params ScenarioFile[] Files)
{
    /// <summary>More options of <c>ferry send</c>.</summary>
    public string[] Options { get; init; } = [];

    /// <summary>More options of <c>ferry serve</c>, where the server has this delivery alone.</summary>
    public string[] ServerOptions { get; init; } = [];

    /// <summary>Sent over the plain protocol: one file.</summary>
    public bool IsPlain { get; init; }

    /// <summary>Sent with --atomic: each directory is old or new as a whole.</summary>
    public bool IsAtomic { get; init; }

    /// <summary>Sent with a key of its own for each version, so that whoever sends it again gets the same receipts.</summary>
    public bool HasKey { get; init; }

    /// <summary>When it is sent again and again, it goes into a new directory each time.</summary>
    public bool IsNewEachTime { get; init; }

    /// <summary>Whether a delivery that is given again goes on with what the one before left.</summary>
    public bool GoesOn => HasKey || Array.Exists(Files, file => file.Size >= ProtocolLimits.LeastResumableBytes);

    private const int Large = 700_000;

    /// <summary>One that has some of everything, for samples.</summary>
    public static Scenario Mixed { get; } = new("mixed", [
        .. Small("tree", 12, there: 5), new("tree/large", 100_000), new("tree/old-large", Large, IsThere: true), new("large", 2_000_000, IsThere: true)]);

    public static Scenario[] All { get; } =
    [
        Mixed,
        new("few", [.. Small("tree", 4, there: 2), new("alone", 0), new("alone-old", 3_000, IsThere: true)]),
        new("many", [.. Small("tree", 20, there: 20)]),
        new("deep", [.. Small("a/b/c", 10, there: 0), new("a/x/y/z", 10), new("a/b/large", 90_000)]) { IsNewEachTime = true },
        new("streamed", [.. Small("tree", 3, there: 1), new("large", Large, IsThere: true), new("new-large", 1_200_000)]) { Options = ["--no-descriptors"] },
        new("passed", new("large", Large, IsThere: true), new("new-large", 90_000)),
        new("plain", new ScenarioFile("plain-file", 150_000, IsThere: true)) { IsPlain = true },
        new("received", [.. Small("tree", 10, there: 10), new("large", Large, IsThere: true)]) { Options = ["--durability", "received"] },
        // Large enough to leave a part that the next attempt goes on with.
        new("resumed", new ScenarioFile("large", 5_000_000, IsThere: true)) { Options = ["--no-descriptors"] },
        new("atomic", [.. Small("tree", 10, there: 6), new("tree/large", Large, IsThere: true)]) { Options = ["--atomic"], IsAtomic = true },
        // What was stored a second time would show under another name.
        new("keyed", [.. Small("tree", 8, there: 0), new("large", Large)]) { ServerOptions = ["--existing", "number"], HasKey = true, IsNewEachTime = true },
        new("keyed-resumed", [.. Small("tree", 3, there: 2), new("large", 5_000_000, IsThere: true)]) { Options = ["--no-descriptors"], HasKey = true },
        new("keyed-atomic", [.. Small("tree", 8, there: 4), new("tree/large", Large, IsThere: true)]) { Options = ["--atomic"], IsAtomic = true, HasKey = true },
    ];

    /// <summary>Whether a receipt promises that it outlives a power cut.</summary>
    public bool IsDurable => !Options.Contains("received");

    /// <summary>Those to be played one by one: all, or the one that FERRY_DELIVERY names.</summary>
    public static IEnumerable<Scenario> Chosen =>
        Environment.GetEnvironmentVariable("FERRY_DELIVERY") is { Length: > 0 } name ? [Named(name)] : All;

    public static Scenario Named(string name) => All.Single(scenario => scenario.Name == name);

    /// <summary>Puts the versions of before into a served directory, and into the ledger.</summary>
    public void LayBefore(string root, Ledger ledger)
    {
        Directory.CreateDirectory(root);
        ScenarioFile[] there = [.. Files.Where(file => file.IsThere)];
        foreach (ScenarioFile file in there)
        {
            Write(Path.Combine(root, Into(0), file.Name), file, 0);
        }
        foreach ((string name, string fingerprint) in Items(there, 0, 0))
        {
            ledger.Stands(name, fingerprint);
        }
    }

    /// <summary>Makes the sources of a version, enters it into the ledger as sent, and gives the arguments of <c>ferry send</c>.</summary>
    public string[] Prepare(string sources, int version, Ledger ledger, int round = 0)
    {
        string directory = Path.Combine(sources, $"{Name}-{version}");
        foreach (ScenarioFile file in Files)
        {
            Write(Path.Combine(directory, file.Name), file, version);
        }
        Enter(ledger, version, round);
        string[] paths = [.. Files.Select(file => file.Name.Split('/')[0]).Distinct().Select(name => Path.Combine(directory, name))];
        string[] into = IsPlain ? [] : ["--into", Into(round)];
        string[] key = HasKey ? ["--delivery-key", $"{Name}-{version}"] : [];
        return [.. paths, .. into, .. key, .. Options];
    }

    /// <summary>Enters a version into a ledger as sent.</summary>
    public void Enter(Ledger ledger, int version, int round)
    {
        foreach ((string name, string fingerprint) in Items(Files, version, round))
        {
            ledger.Sends(name, fingerprint);
        }
    }

    public override string ToString() => Name;

    private static IEnumerable<ScenarioFile> Small(string directory, int count, int there) =>
        Enumerable.Range(0, count).Select(i => new ScenarioFile($"{directory}/file{i}", 100 + i * 700, i < there));

    private static void Write(string path, ScenarioFile file, int version)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, Content(file, version));
    }

    /// <summary>Another for each name and version. Of versions the size differs too.</summary>
    private static byte[] Content(ScenarioFile file, int version)
    {
        byte[] content = new byte[file.Size + version % 7];
        new Random((int)XxHash32.HashToUInt32(Encoding.UTF8.GetBytes($"{file.Name} {version}"))).NextBytes(content);
        return content;
    }

    private string Into(int round) => IsPlain ? "" : IsNewEachTime && round > 0 ? $"{Name}/{round}" : Name;

    /// <summary>The names that hold one version or the other whole.</summary>
    private IEnumerable<(string Name, string Fingerprint)> Items(IEnumerable<ScenarioFile> files, int version, int round) => IsAtomic
        ? files.GroupBy(file => file.Name.Split('/')[0]).Select(tree => (
            $"{Into(round)}/{tree.Key}",
            Fingerprint.OfTree(tree.Select(file => (file.Name[(tree.Key.Length + 1)..], Content(file, version))))))
        : files.Select(file => (IsPlain ? file.Name : $"{Into(round)}/{file.Name}", Fingerprint.OfContent(Content(file, version))));
}
