using Ferry.Files;
using Ferry.Transport;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Sending;

/// <summary>
/// Writes one delivery to a native connection: offers, content, ends. The client's reader meanwhile hands the receiver's answers to
/// <see cref="OpenEntries"/>, whether or not writing is blocked, so the two sides never wait for each other.
/// </summary>
internal sealed partial class NativeDelivery
{
    /// <summary>Files opened and offered that wait for their go.</summary>
    private const int MostWaiting = 4;

    /// <summary>The same for files that were passed: the receiver needs nothing more from here to go on.</summary>
    private const int MostPassed = 16;

    /// <summary>A file of this size is passed at once; smaller ones are gathered, as far as they may wait together.</summary>
    private const long LeastPassedAtOnce = 1 << 20;

    private const int LargestPiece = 256 * 1024;

    /// <summary>Small files that are found before any is read, for each that is read at a time.</summary>
    private const int FoundPerJob = 8;

    private readonly ProgressCounter progress;
    private readonly SendOptions options;
    private readonly DeliveryTerms terms;
    private readonly Func<FerryPath, FoundFile, SourceFile, OutgoingEntry> newEntry;
    private readonly int jobs;
    private readonly List<(FerryPath Name, FoundFile File)> found = [];
    private readonly List<(uint Entry, SafeFileHandle File)> passing = [];
    private readonly Queue<OpenDirectory> ending = new();
    private NativeConnection connection;
    private string algorithm;
    private Offers offers;
    private SmallFiles smallFiles;
    private int mostFound;
    private long window;
    private int pieceSize;
    private long mostPassed;
    private SourcePath? walked;
    private OpenDirectory? directory;

    /// <summary>The atomic directory that was offered last; nothing in it is offered before the answer.</summary>
    private OutgoingEntry? beginning;
    private int waiting;
    private byte[]? piece;

    /// <param name="link">The connection that it begins on.</param>
    /// <param name="options">The level to ask for, how many files are read at a time, whether files may be passed.</param>
    /// <param name="progress">Where progress is counted.</param>
    /// <param name="terms">Its key, and what becomes of it when the connection is lost.</param>
    public NativeDelivery(ClientLink link, SendOptions options, ProgressCounter progress, DeliveryTerms terms)
    {
        this.options = options;
        this.progress = progress;
        this.terms = terms;
        newEntry = NewEntry;
        Entries = new OpenEntries(options.SkipSpecial);
        jobs = options.Jobs ?? Math.Max(1, Environment.ProcessorCount / 2);
        Attach(link);
    }

    /// <summary>The entries under way and their receipts.</summary>
    public OpenEntries Entries { get; }

    /// <summary>Which of the things sent comes now.</summary>
    public long Source { get; set; }

    private bool AwaitsTree => beginning is { MayGo: false, IsAnswered: false };

    private FrameWriter Writer => connection.Writer;

    /// <summary>Sends what a walk finds, under the given name at the server.</summary>
    /// <param name="walk">The entries, named relative to their root.</param>
    /// <param name="root">What those names are relative to at the server; empty for the served directory itself.</param>
    /// <param name="from">What the walk began with.</param>
    public async Task SendTreeAsync(IEnumerable<SourceEntry> walk, FerryPath root, SourcePath from)
    {
        walked = from;
        foreach (SourceEntry source in walk)
        {
            if (NeedsCare)
            {
                await WaitUntilAsync(() => true).ConfigureAwait(false);
            }
            FerryPath name = Join(root, source.Name);
            if (source.Found is { } file && TooLong(name) is null)
            {
                found.Add((name, file));
                if (found.Count < mostFound)
                {
                    continue;
                }
                await SendFoundAsync().ConfigureAwait(false);
            }
            else
            {
                await SendFoundAsync().ConfigureAwait(false);
                await SendEntryAsync(name, source).ConfigureAwait(false);
            }
            if (directory?.Tree is { IsAnswered: true })
            {
                // Refused, or stored on an earlier connection: that is the end of this walk.
                while (directory is not null)
                {
                    LeaveDirectory();
                }
                return;
            }
            await SendReadyAsync().ConfigureAwait(false);
            await EndDirectoriesAsync().ConfigureAwait(false);
            if (Writer.IsBatchFull)
            {
                await PassAsync().ConfigureAwait(false);
                await FlushAsync().ConfigureAwait(false);
            }
        }
        await SendFoundAsync().ConfigureAwait(false);
    }

    /// <summary>Sends content that is read once, under the given name at the server.</summary>
    public async Task SendStreamAsync(FerryPath name, Stream content)
    {
        if (TooLong(name) is { } reason)
        {
            await ReportUnsentAsync(name, FerryErrorCode.NameTooLong, reason).ConfigureAwait(false);
            return;
        }
        progress.Found(0);
        await TakeSlotAsync().ConfigureAwait(false);
        await OfferAndWaitAsync(new OutgoingEntry { Kind = EntryKind.File, Name = name, Source = Source, Content = new OutgoingContent.OfStream(content) }).ConfigureAwait(false);
    }

    /// <summary>Sends what is still to be sent and waits for the last receipt.</summary>
    public async Task FinishAsync()
    {
        do
        {
            await WaitUntilAsync(() => waiting == 0).ConfigureAwait(false);
            await EndDirectoriesAsync().ConfigureAwait(false);
            // A connection lost meanwhile brings back what was sent already.
            await WaitUntilAsync(() => Entries.IsEmpty || waiting > 0 || ending.Count > 0).ConfigureAwait(false);
        }
        while (!Entries.IsEmpty);
        await FlushAsync().ConfigureAwait(false);
    }

    private static FerryPath Join(FerryPath root, FerryPath name)
    {
        if (root.IsEmpty || name.IsEmpty)
        {
            return root.IsEmpty ? name : root;
        }
        return FerryPath.FromBytes([.. root.Bytes, (byte)'/', .. name.Bytes]);
    }

    /// <summary>Sends the files that were found; small ones are read by several threads at a time.</summary>
    private async Task SendFoundAsync()
    {
        if (found.Count == 0)
        {
            return;
        }
        for (int i = 0; i < found.Count; i++)
        {
            await TakeSlotAsync().ConfigureAwait(false);
        }
        var large = new SourceFile?[found.Count];
        if (found.Count == 1 || jobs == 1)
        {
            for (int i = 0; i < large.Length; i++)
            {
                SendFound(i);
            }
        }
        else
        {
            Parallel.For(0, found.Count, new ParallelOptions { MaxDegreeOfParallelism = jobs }, SendFound);
        }
        for (int i = 0; i < large.Length; i++)
        {
            if (large[i] is { } file)
            {
                OutgoingEntry entry = NewEntry(found[i].Name, found[i].File, file);
                entry.Content = new OutgoingContent.OfFile(file);
                await OfferAndWaitAsync(entry).ConfigureAwait(false);
            }
        }
        found.Clear();

        void SendFound(int i) => large[i] = smallFiles.Send(found[i].Name, found[i].File, newEntry, directory?.Tree);
    }

    private OutgoingEntry NewEntry(FerryPath name, FoundFile file, SourceFile opened) => new()
    {
        Kind = EntryKind.File,
        Name = name,
        Size = opened.Size,
        Metadata = opened.Metadata,
        Source = Source,
        Directory = directory,
        Origin = terms.Reconnect is null ? null : new SourceOrigin(walked!, file.Path, opened.State),
    };

    private async Task SendEntryAsync(FerryPath name, SourceEntry source)
    {
        switch (source.Event)
        {
            case SourceEvent.EnterDirectory when TooLong(name) is { } reason:
                EnterDirectory(null);
                await ReportUnsentAsync(name, FerryErrorCode.NameTooLong, reason).ConfigureAwait(false);
                return;
            // The served directory itself is there already and keeps its own mode and time: it is not offered.
            case SourceEvent.EnterDirectory when name.IsEmpty:
                EnterDirectory(null);
                return;
            case SourceEvent.EnterDirectory:
                progress.Found(0);
                await OfferDirectoryAsync(name, source).ConfigureAwait(false);
                return;
            case SourceEvent.LeaveDirectory:
                LeaveDirectory();
                return;
            case SourceEvent.File:
                await ReportUnsentAsync(name, FerryErrorCode.NameTooLong, TooLong(name)!).ConfigureAwait(false);
                return;
            default:
                await ReportUnsentAsync(name, source.Code!.Value, source.Reason!).ConfigureAwait(false);
                return;
        }
    }

    /// <summary>Why the receiver would end the connection over a name; null when it would not.</summary>
    private string? TooLong(FerryPath name)
    {
        ProtocolLimits limits = connection.Peer.Limits;
        int levels = name.Bytes.Count((byte)'/') + 1;
        return name.Bytes.Length > limits.PathBytes || levels > limits.Levels
            ? $"the name has {name.Bytes.Length} bytes in {levels} levels, and the server takes {limits.PathBytes} bytes in {limits.Levels} levels"
            : null;
    }

    private async Task ReportUnsentAsync(FerryPath name, FerryErrorCode code, string reason)
    {
        await TakeSlotAsync().ConfigureAwait(false);
        progress.Found(0);
        Entries.AddUnsent(new Receipt { Name = name, Result = code.Result(), Code = code, Reason = reason }, directory?.Tree);
    }

    private void End(OutgoingEntry entry, End end)
    {
        // What was answered on a connection before this one is not known on this one.
        if (entry.OfferedOn == Writer)
        {
            Writer.Add(entry.Number, end);
        }
        Entries.CompleteHalf(entry);
    }

    private async Task TakeSlotAsync()
    {
        if (Entries.SlotsTaken >= window || NeedsCare)
        {
            await WaitUntilAsync(() => Entries.SlotsTaken < window).ConfigureAwait(false);
        }
        Entries.TakeSlot();
    }

    /// <summary>Waits for something that the receiver or the caller brings about, and sends content that may go meanwhile.</summary>
    private async Task WaitUntilAsync(Func<bool> condition)
    {
        while (NeedsCare || !condition())
        {
            await GoOnAsync().ConfigureAwait(false);
            await SendReadyAsync().ConfigureAwait(false);
            await PassAsync().ConfigureAwait(false);
            await FlushAsync().ConfigureAwait(false);
            if (!IsInterrupted && (Entries.HasAgain ? !CanOfferAgain : !condition()) && !Entries.HasReady)
            {
                await ChangedAsync().ConfigureAwait(false);
            }
        }
    }
}
