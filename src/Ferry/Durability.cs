namespace Ferry;

/// <summary>How safely content is stored when its receipt is written.</summary>
public enum Durability
{
    /// <summary>Complete and visible under its name; a power cut may still lose it, the death of any process does not.</summary>
    Received,

    /// <summary>Also flushed to the device, with the directories that lead to it: it outlives a power cut.</summary>
    Durable,
}
