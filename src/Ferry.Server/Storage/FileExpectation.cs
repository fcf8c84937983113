namespace Ferry.Server.Storage;

/// <summary>What a sender says of a file before its content comes.</summary>
/// <param name="Size">Bytes of content; null when the sender does not know.</param>
/// <param name="Metadata">Mode and time that it is to have.</param>
/// <param name="Level">The level asked for.</param>
internal readonly record struct FileExpectation(long? Size, EntryMetadata Metadata, Durability Level)
{
    /// <summary>The hash by which a later connection compares; null when no part of it is kept.</summary>
    public string? Algorithm { get; init; }
}
