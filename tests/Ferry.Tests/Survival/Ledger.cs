namespace Ferry.Tests.Survival;

/// <summary>
/// What was sent under each name and what was acknowledged when; and the judgement on a directory: under each name stands one version
/// whole, and none older than the last one acknowledged by then. Moments are numbers that grow, whatever they count.
/// </summary>
internal sealed class Ledger
{
    private readonly Lock gate = new();
    private readonly Dictionary<string, List<Version>> names = [];
    private readonly Dictionary<string, long> directories = [];

    /// <summary>What stands under a name before anything is sent, and outlives everything.</summary>
    public void Stands(string name, string fingerprint) => Acknowledge(Add(name, fingerprint), long.MinValue);

    /// <summary>What is sent under a name from now on.</summary>
    public void Sends(string name, string fingerprint) => Add(name, fingerprint);

    /// <summary>A receipt says that what was sent last under the name is stored.</summary>
    public void Acknowledge(string name, long moment)
    {
        lock (gate)
        {
            Acknowledge(names[name][^1], moment);
        }
    }

    /// <summary>A receipt says that the directory is stored.</summary>
    public void AcknowledgeDirectory(string name, long moment)
    {
        lock (gate)
        {
            directories.TryAdd(name, moment);
        }
    }

    /// <summary>Whether a receipt came for what was sent last under the name.</summary>
    public bool HasAcknowledged(string name)
    {
        lock (gate)
        {
            return names[name][^1].Acknowledged < long.MaxValue;
        }
    }

    public bool Knows(string name)
    {
        lock (gate)
        {
            return names.ContainsKey(name);
        }
    }

    /// <summary>When the first receipts came for what was sent.</summary>
    public long[] Moments()
    {
        lock (gate)
        {
            return [.. names.Values.SelectMany(versions => versions.Select(version => version.Acknowledged)).Concat(directories.Values)];
        }
    }

    /// <summary>What is wrong with a directory as it was at a moment, what is there and was never sent included.</summary>
    /// <param name="root">The directory.</param>
    /// <param name="moment">Of what was acknowledged by then something must be there.</param>
    /// <param name="acknowledged">How many acknowledgements were held against it.</param>
    public List<string> Judge(string root, long moment, out int acknowledged) => [.. JudgeNames(root, moment, out acknowledged), .. Strangers(root)];

    /// <summary>The same of the names in here alone: others have been sent by others.</summary>
    public List<string> JudgeNames(string root, long moment, out int acknowledged)
    {
        List<string> wrong = [];
        acknowledged = 0;
        lock (gate)
        {
            foreach ((string name, List<Version> versions) in names)
            {
                int last = versions.FindLastIndex(version => version.Acknowledged <= moment);
                acknowledged += last >= 0 && versions[last].Acknowledged > long.MinValue ? 1 : 0;
                string? found = Fingerprint.OfPath(Path.Combine(root, name));
                int at = found is null ? -1 : versions.FindLastIndex(version => version.Fingerprint == found);
                if (found is null ? last >= 0 : at < last || at < 0)
                {
                    string what = found is null ? "is not there" : at < 0 ? $"holds no version whole ({found.ReplaceLineEndings(", ")})" : $"holds version {at}";
                    wrong.Add($"{name} {what}; acknowledged by then: {(last < 0 ? "none" : $"version {last}")}");
                }
            }
            foreach ((string name, long since) in directories)
            {
                acknowledged += since <= moment ? 1 : 0;
                if (since <= moment && !Directory.Exists(Path.Combine(root, name)))
                {
                    wrong.Add($"directory {name} is not there, though acknowledged");
                }
            }
        }
        return wrong;
    }

    /// <summary>Files that can be seen in a directory, and were never sent, nor is a directory that they are in.</summary>
    private IEnumerable<string> Strangers(string root) => Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
        .Select(path => Path.GetRelativePath(root, path))
        .Where(name => !name.StartsWith(".ferry/", StringComparison.Ordinal) && !WithDirectories(name).Any(Knows))
        .Select(name => $"{name} is there, and was never sent");

    private static IEnumerable<string> WithDirectories(string name)
    {
        for (string? part = name; !string.IsNullOrEmpty(part); part = Path.GetDirectoryName(part))
        {
            yield return part;
        }
    }

    private static void Acknowledge(Version version, long moment) => version.Acknowledged = Math.Min(version.Acknowledged, moment);

    private Version Add(string name, string fingerprint)
    {
        lock (gate)
        {
            if (!names.TryGetValue(name, out List<Version>? versions))
            {
                names.Add(name, versions = []);
            }
            versions.Add(new Version(fingerprint));
            return versions[^1];
        }
    }

    private sealed class Version(string fingerprint)
    {
        public string Fingerprint => fingerprint;

        /// <summary>The moment of its first receipt.</summary>
        public long Acknowledged { get; set; } = long.MaxValue;
    }
}
