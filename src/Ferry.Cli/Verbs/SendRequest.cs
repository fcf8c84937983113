using Ferry.Files;
using Ferry.Native;

namespace Ferry.Cli.Verbs;

/// <summary>What <c>ferry send</c> was asked to do.</summary>
internal sealed class SendRequest
{
    private static readonly FerryPath StandardInput = "-";

    public required IReadOnlyList<FerryPath> Paths { get; init; }

    public string? At { get; init; }

    public FerryPath? Into { get; init; }

    public FerryPath? As { get; init; }

    public Durability? Durability { get; init; }

    public TimeSpan Wait { get; init; }

    public TimeSpan? StallTimeout { get; init; }

    public int Retries { get; init; }

    public FerryPath? DeliveryKey { get; init; }

    public bool Descriptors { get; init; } = true;

    public bool Checksum { get; init; }

    public int? Jobs { get; init; }

    public bool Atomic { get; init; }

    public bool SkipSpecial { get; init; }

    public bool Json { get; init; }

    public bool Quiet { get; init; }

    public bool Verbose { get; init; }

    /// <summary>True when the content is standard input.</summary>
    public bool IsStandardInput => Paths.Contains(StandardInput);

    /// <summary>Finds what does not go together, before anything is sent.</summary>
    /// <exception cref="FerryException">The arguments do not go together (<see cref="FerryErrorCode.Usage"/>).</exception>
    public void Check(FerryAddress address)
    {
        Require(Into is null || As is null, "--into and --as do not go together: --into D puts everything inside D, --as N names the one thing sent N");
        Require(As is null || Paths.Count == 1, $"--as names the one PATH sent, and {Paths.Count} are given; use --into to put several inside a directory");
        Require(As is not { IsEmpty: true } && Into is not { IsEmpty: true }, "--into and --as need a name, not an empty one");
        Require(!IsStandardInput || As is not null, "standard input has no name to arrive under; give one with --as REMOTE_NAME");
        Require(!Atomic || As is not { } target || !target.Bytes.TrimEnd((byte)'/').SequenceEqual("."u8), "--atomic gives a directory its name in one step, and --as . gives none");
        Require(DeliveryKey is not { IsEmpty: true }, "--delivery-key needs a text, not an empty one");
        Require(DeliveryKey is not { } key || key.TryGetString(out _), "--delivery-key is a text, and this one is not UTF-8");
        if (IsStandardInput)
        {
            CheckDescriptor(StandardInput, 0);
        }
        else
        {
            CheckSources([.. Paths.Select(SourcePath.Classify)]);
        }
        if (address.Scheme == FerryScheme.Plain)
        {
            CheckPlain(address);
        }
    }

    private void CheckSources(IReadOnlyList<SourcePath> sources)
    {
        var names = new Dictionary<FerryPath, FerryPath>();
        foreach (SourcePath source in sources)
        {
            Require(source.Kind != SourceKind.Socket, $"{source.Path} is a socket; to send to it write --at {source.Path}");
            if (SourcePath.DescriptorNumber(source.Path) is { } number)
            {
                CheckDescriptor(source.Path, number);
            }
            Require(source.Kind != SourceKind.Stream || As is not null, $"{source.Path} is read like standard input and has no name to arrive under; give one with --as REMOTE_NAME");
            Require(!source.Name.IsEmpty || As is not null || source.Kind == SourceKind.Unreadable, $"{source.Path} has no name to arrive under; give one with --as REMOTE_NAME");
            Require(As is not { } name || !name.Bytes.TrimEnd((byte)'/').SequenceEqual("."u8) || source.Kind == SourceKind.Directory,
                $"--as . puts a directory's contents into the served directory, and {source.Path} is no directory");
            Require(names.TryAdd(source.Name, source.Path), $"{source.Path} and {(names.TryGetValue(source.Name, out FerryPath other) ? other : default)} would both arrive as {source.Name}; send one of them with --as");
        }
    }

    /// <summary>A descriptor that nobody handed to the command may be one that it opened itself, and is not to be read.</summary>
    private static void CheckDescriptor(FerryPath path, int number)
    {
        if (!DescriptorCalls.IsInherited(number))
        {
            throw new FerryException(FerryErrorCode.SourceUnreadable, $"cannot read {path}: no descriptor {number} was handed to the command; open one for it, for example with {number}< FILE");
        }
    }

    private void CheckPlain(FerryAddress address)
    {
        Require(Paths.Count == 1, $"{address} takes one file; the native protocol, without plain:, takes any number");
        Require(Into is null, $"{address} takes a file name, no directory: --into goes with the native protocol only");
        Require(IsStandardInput || SourcePath.Classify(Paths[0]).Kind != SourceKind.Directory, $"{Paths[0]} is a directory, and {address} takes one file; the native protocol, without plain:, takes trees");
        Require(!Atomic, $"{address} takes one file, which arrives whole in any case: --atomic goes with the native protocol only");
        Require(Durability is null, $"{address} cannot be asked for a level: --durability goes with the native protocol only");
        Require(Retries == 0 && DeliveryKey is null, $"{address} knows no deliveries: --retry and --delivery-key go with the native protocol only");
        if (As is { } name)
        {
            try
            {
                PlainName.Check(name.Bytes);
            }
            catch (FerryException e)
            {
                throw new FerryException(FerryErrorCode.Usage, $"--as: {e.Message}");
            }
        }
    }

    private static void Require(bool condition, string message)
    {
        if (!condition)
        {
            throw new FerryException(FerryErrorCode.Usage, message);
        }
    }
}
