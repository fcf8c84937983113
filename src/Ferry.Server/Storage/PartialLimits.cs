using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>How much is kept of files that did not arrive whole.</summary>
/// <param name="Age">How long one waits; zero for not at all, infinite for any time.</param>
/// <param name="Bytes">How much may wait in all.</param>
/// <param name="Clock">What the age is measured with.</param>
internal sealed record PartialLimits(TimeSpan Age, long Bytes, TimeProvider Clock)
{
    /// <summary>The longest that a timer can wait.</summary>
    public static readonly TimeSpan LongestAge = TimeSpan.FromMilliseconds(int.MaxValue);

    private const int DefaultParts = 4; // 25 %

    public static PartialLimits From(FerryServerOptions options, FileSystemStatus fileSystem) => new(
        options.KeepPartials, options.MaxPartials ?? (fileSystem.TotalBytes == 0 ? long.MaxValue : fileSystem.TotalBytes / DefaultParts), TimeProvider.System);
}
