using System.Buffers.Binary;
using System.IO.Hashing;
using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Server.Storage.Journal;
using Ferry.Wire;

namespace Ferry.Fuzz;

/// <summary>
/// A journal as a dead server may have left it, or somebody else made it, read by a real store at its start; then the receipts in it are asked for. The first byte
/// of the input says whether the checksums of the records are put right, without which nothing damaged is read at all.
/// </summary>
internal sealed class JournalTarget : FuzzTarget
{
    private const int HeadingLength = 16;
    private const int LengthAndChecksum = 12;

    private static readonly byte[] Old = "old"u8.ToArray();
    private static readonly string[] Asked = ["a", "d/b", "d", "file"];

    private readonly string directory = ScratchStore.NewPath();

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds()
    {
        foreach ((string name, byte[] says) in Recording.OfDeliveries())
        {
            using var store = new ScratchStore(ExistingFiles.Replace);
            SessionContext context = store.Begin(ServerTarget.User);
            try
            {
                NativeSession.RunAsync(new HostilePeer(says[1..], says.Length, waits: false), context).GetAwaiter().GetResult();
            }
            catch (FerryConnectionException)
            {
                // It said goodbye before its receipts had come.
            }
            if (store.ReadJournal(ServerTarget.User) is { } journal)
            {
                yield return (name, [1, .. journal]);
                yield return ($"{name}-torn", [0, .. journal[..^5]]);
            }
            store.End(replacesTrees: true);
        }
    }

    public JournalTarget() => Directory.CreateDirectory(directory);

    public override void Dispose() => Directory.Delete(directory, recursive: true);

    protected override void Take(byte[] input)
    {
        byte[] journal = input[Math.Min(1, input.Length)..];
        if (input.Length > 0 && (input[0] & 1) == 1)
        {
            Correct(journal);
        }
        string place = Directory.CreateDirectory(Path.Combine(directory, ".ferry", "journal")).FullName;
        foreach (string own in new[] { Path.Combine(directory, ".ferry"), place })
        {
            File.SetUnixFileMode(own, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        Directory.CreateDirectory(Path.Combine(directory, "d"));
        File.WriteAllBytes(Path.Combine(directory, "file"), Old);
        File.WriteAllBytes(Path.Combine(place, $"{ServerTarget.User}"), journal);

        using (Store store = Store.Open(new FerryServerOptions { Root = directory, Address = "unused" }))
        {
            AskAsync(store).GetAwaiter().GetResult();
        }
        string[] visible = [.. Directory.EnumerateFileSystemEntries(directory).Select(path => Path.GetFileName(path)).Order(StringComparer.Ordinal)];
        if (!visible.SequenceEqual([".ferry", "d", "file"]) || !File.ReadAllBytes(Path.Combine(directory, "file")).AsSpan().SequenceEqual(Old))
        {
            throw new FindingException($"a journal changed what is visible: {string.Join(", ", visible)}");
        }
    }

    /// <summary>What the journal says must be something that can be sent.</summary>
    private static async Task AskAsync(Store store)
    {
        using KeyedDelivery delivery = await store.Staging.Journals.BeginAsync(ServerTarget.User, "key"u8.ToArray(), new Nobody(), CancellationToken.None);
        using var stream = new MemoryStream();
        using var writer = new FrameWriter(stream, Timeout.InfiniteTimeSpan);
        foreach (string name in Asked)
        {
            for (int source = 0; source < 2; source++)
            {
                var offer = new Offer(EntryKind.File, name, null, default, null) { Source = source };
                if (delivery.Find(delivery.IdOf(offer), offer, ContentHash.XxHash, Durability.Received) is { } receipt)
                {
                    writer.Add(1, ReceiptMessage.From(receipt, name));
                }
            }
        }
        await writer.FlushAsync(CancellationToken.None);
        using var reader = new FrameReader(new MemoryStream(stream.ToArray()), Timeout.InfiniteTimeSpan);
        while (reader.FrameEnd < stream.Length)
        {
            Frame frame = await reader.ReadAsync(CancellationToken.None);
            _ = ReceiptMessage.Read(reader.Cbor, frame.Payload);
        }
    }

    private static void Correct(byte[] journal)
    {
        Span<byte> left = journal.AsSpan(Math.Min(HeadingLength, journal.Length));
        while (left.Length >= LengthAndChecksum)
        {
            int length = Math.Clamp(BinaryPrimitives.ReadInt32LittleEndian(left), 0, left.Length - LengthAndChecksum);
            BinaryPrimitives.WriteUInt64LittleEndian(left[4..], XxHash3.HashToUInt64(left.Slice(LengthAndChecksum, length)));
            left = left[(LengthAndChecksum + length)..];
        }
    }

    private sealed class Nobody : IKeyedConnection
    {
        public bool HasHungUp => true;

        public Task GiveUpAsync() => Task.CompletedTask;
    }
}
