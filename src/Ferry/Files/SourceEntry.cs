using Ferry.Native;

namespace Ferry.Files;

/// <summary>What a walk meets.</summary>
internal enum SourceEvent
{
    /// <summary>A directory begins.</summary>
    EnterDirectory,
    /// <summary>The directory entered last ends.</summary>
    LeaveDirectory,
    /// <summary>A regular file.</summary>
    File,
    /// <summary>Something that is not sent, or cannot be read.</summary>
    Unsendable,
}

/// <summary>One step of a walk through what is to be sent.</summary>
/// <param name="Event">What was met.</param>
/// <param name="Name">Its path relative to where the walk began; empty for that itself.</param>
/// <param name="Metadata">Mode and time of a directory that begins.</param>
/// <param name="File">The opened file, owned by who takes the entry.</param>
/// <param name="Found">The file that is still to be opened.</param>
/// <param name="Code">Why it cannot be sent.</param>
/// <param name="Reason">The sentence that goes with it.</param>
internal readonly record struct SourceEntry(
    SourceEvent Event, FerryPath Name, EntryMetadata Metadata = default, SourceFile? File = null, FoundFile? Found = null, FerryErrorCode? Code = null,
    string? Reason = null)
{
    /// <summary>What could not be opened or looked at.</summary>
    public static SourceEntry Unreadable(FerryPath name, int error) => Unreadable(name, $"cannot be read: {Errno.Describe(error)}");

    public static SourceEntry Unreadable(FerryPath name, string reason) =>
        new(SourceEvent.Unsendable, name, Code: FerryErrorCode.SourceUnreadable, Reason: reason);

    public static SourceEntry Special(FerryPath name, string kind) =>
        new(SourceEvent.Unsendable, name, Code: FerryErrorCode.SpecialFile, Reason: $"{kind} is not sent");
}
