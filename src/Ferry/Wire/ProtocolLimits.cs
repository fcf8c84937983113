namespace Ferry.Wire;

/// <summary>
/// What one side accepts from the other, named in its greeting <c>[greeting.limits]</c>. The constants are the values that
/// Ferry names; each is checked before anything is allocated.
/// </summary>
/// <param name="ControlBytes">Largest payload of a frame other than content. <c>[limits.control]</c></param>
/// <param name="ContentBytes">Largest payload of a content frame. <c>[limits.content]</c></param>
/// <param name="PathBytes">Longest name of an entry. <c>[limits.path]</c></param>
/// <param name="Levels">Most components in a name. <c>[limits.levels]</c></param>
/// <param name="Entries">Most entries that wait for a receipt; a directory counts from its end on. <c>[limits.entries]</c></param>
/// <param name="InlineBytes">Largest file whose content may follow its offer without waiting. <c>[limits.inline]</c></param>
/// <param name="Descriptors">Most passed descriptors that wait for an answer; 0 when none are taken. <c>[limits.descriptors]</c></param>
/// <param name="FileBytes">Largest file; null when there is no limit. <c>[limits.file]</c></param>
internal sealed record ProtocolLimits(
    long ControlBytes, long ContentBytes, long PathBytes, long Levels, long Entries, long InlineBytes, long Descriptors, long? FileBytes)
{
    public const int MaxControlBytes = 256 * 1024;
    public const int MaxContentBytes = 1024 * 1024;

    /// <summary>
    /// Room for the deepest tree with names of 15 bytes, and four times what the kernel takes in one call. Names take most of the memory that a peer can make
    /// this side keep: with <see cref="MaxEntries"/> and <see cref="MaxLevels"/> under way they are 31 MiB.
    /// </summary>
    public const int MaxPathBytes = 16 * MaxLevels - 1;

    /// <summary>What is stored under a name may have a longer one: with a number, or in the directory where it waits.</summary>
    public const int MaxStoredPathBytes = MaxPathBytes + 256;

    public const int MaxLevels = 1000;
    public const int MaxEntries = 1024;
    public const int MaxInlineBytes = 64 * 1024;
    public const int MaxDescriptors = 64;

    /// <summary>A smaller file is sent again from its beginning: it costs less than to keep a part of it.</summary>
    public const int LeastResumableBytes = 4 * 1024 * 1024;

    public static ProtocolLimits Ours(long? fileBytes) =>
        new(MaxControlBytes, MaxContentBytes, MaxPathBytes, MaxLevels, MaxEntries, MaxInlineBytes, MaxDescriptors, fileBytes);
}
