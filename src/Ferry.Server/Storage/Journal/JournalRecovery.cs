using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// Finds out at the start what became of what a dead server was about to do, before anything of that is swept: a file that waits in staging no
/// more has its name.
/// </summary>
internal sealed class JournalRecovery(ConfinedDirectory root, DirectoryLinks links)
{
    /// <summary>Numbers that may be free again because somebody took the files away.</summary>
    private const int MostGaps = 100;

    /// <summary>The file system's clock may be behind by a tick when a directory gets its time of birth.</summary>
    private const int TickMilliseconds = 20;

    /// <summary>The records that settle what is not settled.</summary>
    /// <param name="state">What the journal says.</param>
    /// <param name="file">The journal.</param>
    /// <param name="mayBeCut">True when the machine may have lost power since: then only what is seen counts, and only what was flushed.</param>
    /// <param name="now">The time.</param>
    public List<JournalRecord> Settle(JournalState state, JournalFile file, bool mayBeCut, long now)
    {
        List<JournalRecord> settled = [.. state.Pending.Select(item => file.TryRead(item.Value.Intent) is { } intent ? Settle(intent, mayBeCut, now) : Cancelled(item.Key, now))];
        settled.AddRange(state.Making.Select(making => SettleDirectory(making, now)));
        return settled;
    }

    private JournalRecord Settle(JournalRecord intent, bool mayBeCut, long now)
    {
        JournalRecord cancelled = Cancelled(intent.Id, now);
        try
        {
            if (StillWaits(intent.Staged))
            {
                return cancelled;
            }
            StoredName name = StoredName.Parse(intent.Name);
            StoredName? found = intent.Staged.IsKnown ? Find(name, intent.Staged) : null;
            if (mayBeCut && (found is null || intent.Receipt!.Level != Durability.Durable))
            {
                return cancelled;
            }
            if (found is { } published && intent.Receipt!.Level == Durability.Durable)
            {
                using ConfinedDirectory? directory = published.Directory.IsEmpty ? null : root.OpenDirectory(published.Directory);
                links.FlushUpToRoot(directory ?? root);
            }
            return new JournalRecord { Event = JournalEvent.Done, Ids = intent.Ids, At = now, Name = found is { } other && other.Path != name.Path ? other.Path : default };
        }
        catch (FerryException)
        {
            // It cannot be made as safe as its receipt would say, so no receipt is given again.
            return cancelled;
        }
    }

    private static JournalRecord Cancelled(UInt128 arrival, long now) => JournalRecord.Cancelled([arrival], now).Single();

    /// <summary>A file system without a rename that refuses to replace gives a second name first: a staged file with two names is published.</summary>
    private bool StillWaits(StagedIdentity staged)
    {
        if (!IsOwn(staged.Directory) || !IsOneName(staged.File) || !root.TryOpenDirectory(staged.Directory.Bytes, out ConfinedDirectory? delivery))
        {
            return false;
        }
        using (delivery)
        {
            return delivery.TryGetStatus(staged.File.Bytes, out FileStatus status) && (!staged.IsKnown || IsSame(status, staged)) && (staged.IsTree || status.Links == 1);
        }
    }

    /// <summary>Where the file is: under its name, or beside it; null when it is not found, because somebody has moved it since.</summary>
    private StoredName? Find(StoredName name, StagedIdentity staged)
    {
        if (name.Directory.IsEmpty)
        {
            return FindIn(root, name, staged);
        }
        try
        {
            if (root.TryOpenDirectory(name.Directory, out ConfinedDirectory? directory))
            {
                using (directory)
                {
                    return FindIn(directory, name, staged);
                }
            }
        }
        catch (FerryException)
        {
            // Somebody has put something else in its way since.
        }
        return null;
    }

    private static StoredName? FindIn(ConfinedDirectory directory, StoredName name, StagedIdentity staged)
    {
        if (directory.TryGetStatus(name.Last, out FileStatus status) && IsSame(status, staged))
        {
            return name;
        }
        int gaps = 0;
        for (int number = 1; gaps < MostGaps && number <= NumberedName.Highest; number++)
        {
            byte[] numbered = staged.IsTree ? NumberedName.MakeForDirectory(name.Last, number) : NumberedName.Make(name.Last, number);
            if (numbered.Length > StoredName.LongestComponent || !directory.TryGetStatus(numbered, out status))
            {
                gaps++;
            }
            else if (IsSame(status, staged))
            {
                return name.WithLast(numbered);
            }
        }
        return null;
    }

    /// <summary>A directory that was born after it was said that it is about to be made was made then.</summary>
    private JournalRecord SettleDirectory(JournalRecord making, long now)
    {
        try
        {
            StoredName name = StoredName.Parse(making.Name);
            if (root.TryOpenDirectory(name.Path.Bytes, out ConfinedDirectory? directory))
            {
                using (directory)
                {
                    TimeStamp born = directory.Status.Born;
                    if (born.Seconds * 1000 + born.Nanoseconds / 1_000_000 >= making.At - TickMilliseconds)
                    {
                        return making with { Event = JournalEvent.Made, At = now, Staged = new StagedIdentity(default, default, directory.Status.Inode, born) };
                    }
                }
            }
        }
        catch (FerryException)
        {
            // It is not there, or not to be reached any more.
        }
        return making with { Event = JournalEvent.Ended, At = now };
    }

    private static bool IsSame(in FileStatus status, StagedIdentity staged) => status.Inode == staged.Inode && status.Born == staged.Born;

    private static bool IsOwn(FerryPath directory) => directory.Bytes.StartsWith(StoredName.Reserved) && directory.Bytes[StoredName.Reserved.Length..] is [(byte)'/', ..];

    private static bool IsOneName(FerryPath name) => !name.IsEmpty && !name.Bytes.Contains((byte)'/') && name.Bytes.IndexOfAnyExcept((byte)'.') >= 0;
}
