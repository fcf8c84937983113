using Ferry.Native;

namespace Ferry;

/// <summary>A point in time as statx gives it: seconds since 1970-01-01 UTC, and nanoseconds from 0 to 999,999,999.</summary>
internal readonly record struct FileTime(long Seconds, uint Nanoseconds)
{
    public const uint MostNanoseconds = 999_999_999;

    public static FileTime Of(TimeStamp time) => new(time.Seconds, time.Nanoseconds);
}

/// <summary>What arrives with an entry beside its content; null means that the sender does not know it.</summary>
/// <param name="Mode">Permission bits, 0 to 01777: setuid and setgid never travel.</param>
/// <param name="Modified">The time of the last change of content.</param>
internal readonly record struct EntryMetadata(uint? Mode, FileTime? Modified)
{
    /// <summary>The mode bits that travel.</summary>
    public const uint ModeMask = 0x3FF; // 01777
}
