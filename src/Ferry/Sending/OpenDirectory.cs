namespace Ferry.Sending;

/// <summary>A directory between its offer and its end, which comes after the ends of everything in it.</summary>
/// <param name="entry">The directory's own entry; null when it is not offered.</param>
/// <param name="parent">The directory it is in; null for one that the walk began with.</param>
internal sealed class OpenDirectory(OutgoingEntry? entry, OpenDirectory? parent)
{
    private int pending = 1; // the walk itself

    public OutgoingEntry? Entry => entry;

    public OpenDirectory? Parent => parent;

    /// <summary>The atomic directory that this is or lies in; null for most.</summary>
    public OutgoingEntry? Tree => entry is { IsAtomic: true } ? entry : parent?.Tree;

    /// <summary>True when it was ended, and the directory it is in knows of that.</summary>
    public bool IsOver { get; set; }

    /// <summary>True when nothing in it is under way and it is not over.</summary>
    public bool IsDue => pending == 0 && !IsOver;

    /// <summary>Something in it was begun.</summary>
    public void Begin() => pending++;

    /// <summary>Something in it has ended, or the walk has left it.</summary>
    /// <returns>True when that was the last: the directory ends.</returns>
    public bool Complete() => --pending == 0;

    /// <summary>Forgets what is under way in it; that is counted anew.</summary>
    public void Restart() => pending = 0;
}
