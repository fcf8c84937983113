using Ferry.Files;
using Ferry.Server.Storage.Journal;

namespace Ferry.Server.Storage;

/// <summary>The directories that a connection has made and not yet given their mode and time. Any thread may use it.</summary>
internal sealed class MadeDirectories
{
    /// <summary>What the server needs to fill a directory, to move it and to empty it.</summary>
    public const uint OwnerMayAll = 0x1C0; // 0700

    /// <summary>Hands the directory's group down.</summary>
    public const uint SetGroupBit = 0x400; // 02000

    /// <summary>A walk leaves no more directories open than it has levels; several side by side a few times as many.</summary>
    private const int MostOpen = 100_000;

    private readonly HashSet<DirectoryIdentity> made = [];
    private KeyedDelivery? keyed;

    /// <summary>Goes on with a delivery that may have made directories on earlier connections.</summary>
    public void Continue(KeyedDelivery delivery)
    {
        lock (made)
        {
            keyed = delivery;
            made.UnionWith(delivery.MadeEarlier);
        }
    }

    /// <summary>Makes a directory, which is written down before and after in a delivery with a key; false when the name exists.</summary>
    public bool TryMake(ConfinedDirectory parent, StoredName name, uint mode)
    {
        if (keyed is null)
        {
            return parent.TryMakeDirectory(name.Last, mode);
        }
        if (parent.TryGetStatus(name.Last, out _))
        {
            return false;
        }
        keyed.Making(name.Path);
        bool isNew = false;
        try
        {
            return isNew = parent.TryMakeDirectory(name.Last, mode);
        }
        finally
        {
            if (!isNew)
            {
                keyed.NotMade(name.Path);
            }
        }
    }

    /// <exception cref="FerryException">There are too many.</exception>
    public void Add(ConfinedDirectory directory)
    {
        lock (made)
        {
            if (made.Count == MostOpen)
            {
                throw new FerryException(FerryErrorCode.Limit, $"{directory.Path} would be one of more than {MostOpen} directories begun and not ended");
            }
            made.Add(DirectoryIdentity.Of(directory));
        }
        keyed?.Made(directory);
    }

    /// <summary>True when it was there, which it is no more.</summary>
    public bool Remove(ConfinedDirectory directory)
    {
        lock (made)
        {
            return made.Remove(DirectoryIdentity.Of(directory));
        }
    }

    /// <summary>It has its mode and time.</summary>
    public void Ended(ConfinedDirectory directory) => keyed?.EndedDirectory(directory);
}
