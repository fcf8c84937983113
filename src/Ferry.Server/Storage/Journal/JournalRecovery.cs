using Ferry.Files;
using Ferry.Native;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// Finds out at the start what became of what a dead server was about to do, before anything of that is swept: a file that waits in staging no
/// more has its name.
/// </summary>
internal sealed class JournalRecovery(ConfinedDirectory root, DirectoryLinks links)
{
    /// <summary>Numbers that may be free again because somebody took the files away.</summary>
    private const int MostGaps = 100;

    /// <summary>The file system's clock may be behind by a tick.</summary>
    private const int TickMilliseconds = 20;

    /// <summary>Whether a file is small enough to be known by its content after a power cut; others are known by what they are.</summary>
    public static bool IsKnownByContent(Receipt receipt) => receipt is { Hash: not null, Size: <= ProtocolLimits.MaxInlineBytes };

    /// <summary>The records that settle what is not settled.</summary>
    /// <param name="state">What the journal says.</param>
    /// <param name="file">The journal.</param>
    /// <param name="mayBeCut">True when the machine may have lost power since: then only what is seen counts, and only what was flushed.</param>
    /// <param name="now">The time.</param>
    public List<JournalRecord> Settle(JournalState state, JournalFile file, bool mayBeCut, long now)
    {
        List<JournalRecord> settled = [.. state.Pending.Select(item => file.TryRead(item.Value.Intent) is { } intent ? Settle(intent, mayBeCut, now) : JournalRecord.Cancelled([item.Key], now))];
        settled.AddRange(state.Making.Select(making => SettleDirectory(making, now)));
        return settled;
    }

    private JournalRecord Settle(JournalRecord intent, bool mayBeCut, long now)
    {
        JournalRecord cancelled = JournalRecord.Cancelled(intent.Ids, now);
        try
        {
            if (StillWaits(intent.Staged))
            {
                return cancelled;
            }
            bool isDurable = intent.Receipt!.Level == Durability.Durable;
            if (mayBeCut && !isDurable)
            {
                return cancelled;
            }
            StoredName name = StoredName.Parse(intent.Name);
            StoredName? found = name;
            if (isDurable || intent.Staged.IsKnown)
            {
                using ConfinedDirectory? below = name.Directory.IsEmpty ? null : TryOpen(name.Directory, isDurable);
                ConfinedDirectory? directory = name.Directory.IsEmpty ? root : below;
                found = directory is null ? null : Find(directory, name, intent, mayBeCut);
                if (found is not null && isDurable)
                {
                    links.FlushUpToRoot(directory!);
                }
            }
            return mayBeCut && found is null
                ? cancelled
                : JournalRecord.Done(intent.Ids, now, otherName: found is { } other && other.Path != name.Path ? other.Path : default);
        }
        catch (FerryException)
        {
            // It cannot be made as safe as its receipt would say, so no receipt is given again.
            return cancelled;
        }
    }

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

    /// <summary>The directory of a name; null when somebody has removed it since, or put something else in its way.</summary>
    /// <param name="path">The directory.</param>
    /// <param name="isNeeded">Whether it is to be flushed: then it must not be missed for any other reason.</param>
    private ConfinedDirectory? TryOpen(ReadOnlySpan<byte> path, bool isNeeded)
    {
        try
        {
            return root.TryOpenDirectory(path, out ConfinedDirectory? directory) ? directory : null;
        }
        catch (FerryException e) when (!isNeeded || e.Code is FerryErrorCode.NotDirectory or FerryErrorCode.SymbolicLink or FerryErrorCode.CrossesMount)
        {
            return null;
        }
    }

    /// <summary>
    /// Where the file is: under its name, or beside it; null when it is not found, because somebody has moved it since. What is not known under whatever name is
    /// looked for after a power cut only: else it is enough that it waits no more.
    /// </summary>
    private static StoredName? Find(ConfinedDirectory directory, StoredName name, JournalRecord intent, bool mayBeCut) =>
        intent.Staged.IsKnown ? FindIn(directory, name, intent.Staged)
        : !mayBeCut || HasItsContent(directory, name.Last, intent) ? name
        : null;

    /// <summary>
    /// True for a file that has the size, time and content that the receipt speaks of, and was changed since its intent, as a rename does: by that it is not an older
    /// one. Whoever put it there, it is flushed.
    /// </summary>
    private static bool HasItsContent(ConfinedDirectory directory, ReadOnlySpan<byte> name, JournalRecord intent)
    {
        Receipt receipt = intent.Receipt!;
        if (!IsKnownByContent(receipt) || !directory.TryGetStatus(name, out FileStatus status) || !status.IsRegularFile || status.Size != receipt.Size
            || (intent.Modified is { } modified && modified != FileTime.Of(status.Modified))
            || !IsSince(status.Changed, intent) || !directory.TryOpenFile(name, OpenFlags.ReadOnly, out SafeFileHandle? file))
        {
            return false;
        }
        using (file)
        {
            Span<byte> content = new byte[receipt.Size];
            return FileCalls.Read(file, content, 0, out int read) == 0 && read == content.Length
                && ContentHash.IsOf(receipt.Hash!, content)
                && FileCalls.Flush(file) == 0;
        }
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
                    if (IsSince(born, making))
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

    private static bool IsSince(TimeStamp time, JournalRecord record) => time.Seconds * 1000 + time.Nanoseconds / 1_000_000 >= record.At - TickMilliseconds;

    private static bool IsSame(in FileStatus status, StagedIdentity staged) => status.Inode == staged.Inode && status.Born == staged.Born;

    private static bool IsOwn(FerryPath directory) => directory.Bytes.StartsWith(StoredName.Reserved) && directory.Bytes[StoredName.Reserved.Length..] is [(byte)'/', ..];

    private static bool IsOneName(FerryPath name) => !name.IsEmpty && !name.Bytes.Contains((byte)'/') && name.Bytes.IndexOfAnyExcept((byte)'.') >= 0;
}
