using System.Buffers;
using Ferry.Files;
using Ferry.Wire;

namespace Ferry.Sending;

/// <summary>
/// Opens, reads and sends files that are small enough to go with their offer, several at a time. Larger ones are opened and left to the caller.
/// </summary>
internal sealed class SmallFiles(Offers offers, OpenEntries entries, ProgressCounter progress, string algorithm, int largest)
{
    /// <summary>Opens a file, and sends it when it is small. Its slot is taken. Any thread may do this.</summary>
    /// <param name="found">The file.</param>
    /// <param name="toEntry">Makes its entry.</param>
    /// <param name="name">The name it is offered under.</param>
    /// <param name="tree">The atomic directory that it is in; null for most files.</param>
    /// <returns>The open file when it is not small; else null.</returns>
    public SourceFile? Send(FerryPath name, FoundFile found, Func<FerryPath, FoundFile, SourceFile, OutgoingEntry> toEntry, OutgoingEntry? tree)
    {
        SourceEntry source = found.Open();
        if (source.File is not { } file)
        {
            progress.Found(0);
            entries.AddUnsent(new Receipt { Name = name, Result = source.Code!.Value.Result(), Code = source.Code, Reason = source.Reason }, tree);
            return null;
        }
        progress.Found(file.Size);
        if (IsSmall(file.Size))
        {
            Send(toEntry(name, found, file), file);
            return null;
        }
        return file;
    }

    /// <summary>Whether content of this size goes with its offer.</summary>
    public bool IsSmall(long? size) => size <= largest;

    /// <summary>Sends a small file whole and closes it.</summary>
    public void Send(OutgoingEntry entry, SourceFile file)
    {
        byte[] buffer = ArrayPool<byte>.Shared.Rent(largest);
        using (file)
        {
            Span<byte> content = buffer.AsSpan(0, (int)file.Size);
            End end = Read(entry.Name, file, content);
            offers.AddWhole(entry, end.Whole ? content : [], end);
            entry.Counted = end.Whole ? content.Length : 0;
            entries.CompleteHalf(entry);
            progress.Sent(entry.Counted);
        }
        ArrayPool<byte>.Shared.Return(buffer);
    }

    /// <summary>Offers a small file whose content cannot be had any more, in case that the receiver has it.</summary>
    public void GiveUp(OutgoingEntry entry, FerryException reason)
    {
        offers.AddWhole(entry, [], End.GivenUp(reason.Code, reason.Message));
        entries.CompleteHalf(entry);
    }

    private End Read(FerryPath name, SourceFile file, Span<byte> content)
    {
        try
        {
            return file.Read(content, 0) < content.Length || file.HasChanged()
                ? Changed(name)
                : End.OfFile(content.Length, ContentHash.Of(algorithm, content));
        }
        catch (FerryException e) when (e is not FerryConnectionException)
        {
            return End.GivenUp(e.Code, e.Message);
        }
    }

    /// <summary>The end of an entry whose source is not what it was.</summary>
    public static End Changed(FerryPath name) =>
        End.GivenUp(FerryErrorCode.SourceChanged, $"{name} changed while it was read; send it again when nothing writes to it");
}
