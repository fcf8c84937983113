using Ferry.Files;
using Ferry.Wire;

namespace Ferry.Sending;

/// <content>Directories, which end after everything in them.</content>
internal sealed partial class NativeDelivery
{
    private async Task OfferDirectoryAsync(FerryPath name, SourceEntry source)
    {
        var entry = new OutgoingEntry
        {
            Kind = EntryKind.Directory,
            Name = name,
            Metadata = source.Metadata,
            Source = Source,
            IsAtomic = options.Atomic && source.Name.IsEmpty,
        };
        EnterDirectory(entry);
        entry.Own = directory;
        OfferDirectory(entry);
        await WaitUntilAsync(() => !AwaitsTree).ConfigureAwait(false);
    }

    private void OfferDirectory(OutgoingEntry entry)
    {
        offers.Add(entry);
        beginning = entry.IsAtomic ? entry : null;
    }

    private void LeaveDirectory()
    {
        OpenDirectory left = directory!;
        directory = left.Parent;
        Complete(left);
    }

    /// <summary>What is said at the end of a directory.</summary>
    private static End EndOf(OutgoingEntry entry) => entry.Missing == 0
        ? Wire.End.WithoutContent
        : Wire.End.GivenUp(FerryErrorCode.Incomplete, $"{entry.Name} is not stored, because {entry.Missing} of the entries in it did not arrive");

    private void EnterDirectory(OutgoingEntry? entry)
    {
        directory?.Begin();
        directory = new OpenDirectory(entry, directory);
    }

    /// <summary>Something in a directory is complete; the end of the directory may be due now.</summary>
    private void Complete(OpenDirectory? container)
    {
        if (container?.Complete() == true && container.IsDue)
        {
            ending.Enqueue(container);
        }
    }

    /// <summary>Ends the directories in which nothing is under way any more, and with them perhaps those above.</summary>
    private async Task EndDirectoriesAsync()
    {
        while (ending.TryPeek(out OpenDirectory? ended))
        {
            if (ended.Entry is not null)
            {
                await TakeSlotAsync().ConfigureAwait(false);
                if (!ending.TryPeek(out OpenDirectory? still) || still != ended)
                {
                    // The wait was for another connection, on which it is not due yet.
                    Entries.FreeSlot();
                    continue;
                }
            }
            ending.Dequeue();
            ended.IsOver = true;
            if (ended.Entry is { } entry)
            {
                End(entry, EndOf(entry));
            }
            Complete(ended.Parent);
        }
    }
}
