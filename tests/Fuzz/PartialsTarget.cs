using System.IO.Hashing;
using System.Text;
using Ferry.Files;
using Ferry.Native;
using Ferry.Server;
using Ferry.Server.Storage;

namespace Ferry.Fuzz;

/// <summary>
/// The record of a part as a dead server may have left it, or somebody else made it: a real store reads it at its start, the parts are listed, and a delivery
/// claims the upload. The first byte of the input says what lies beside the record, and what becomes of the upload.
/// </summary>
internal sealed class PartialsTarget : FuzzTarget
{
    private const int HashBytes = 16;
    private const long Held = PartialFile.LeastKept;
    private const long Offered = 4 * Held;
    private const long OfferedSmaller = Held - 1;

    /// <summary>What the first byte of the input says.</summary>
    [Flags]
    private enum How
    {
        None = 0,

        /// <summary>The checksum is put right, without which nothing damaged is read at all.</summary>
        Corrected = 1,

        /// <summary>The part is shorter than what is kept.</summary>
        Short = 2,

        /// <summary>The part is another name of a file that is visible.</summary>
        Linked = 4,

        /// <summary>There is a second part with the same record.</summary>
        Twice = 8,

        /// <summary>The file that is offered is smaller than the part.</summary>
        Shrunk = 16,

        /// <summary>The upload is parked again, not given up.</summary>
        Parked = 32,
    }

    private static readonly PartialRecord Record =
        new(ServerTarget.User, "name", Offered, new FileTime(1_700_000_000, 5), ContentHash.XxHash, DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123));

    private readonly string root = ScratchStore.NewPath();
    private readonly string folder;
    private readonly FileInfo visible;

    public PartialsTarget()
    {
        folder = Path.Combine(root, ".ferry", "partials", $"{ServerTarget.User}");
        Directory.CreateDirectory(root);
        visible = new FileInfo(Path.Combine(root, "file"));
    }

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds()
    {
        yield return ("whole", Seed(How.Parked, Record));
        yield return ("given-up", Seed(How.None, Record));
        yield return ("short", Seed(How.Short, Record));
        yield return ("linked", Seed(How.Linked, Record));
        yield return ("twice", Seed(How.Twice, Record));
        yield return ("shrunk", Seed(How.Shrunk, Record));
        yield return ("no-time", Seed(How.Parked, Record with { Modified = null }));
        yield return ("sha256", Seed(How.Parked, Record with { Algorithm = ContentHash.Sha256 }));
        yield return ("file", Seed(How.None, Record with { Name = "file" }));
        yield return ("deep", Seed(How.None, Record with { Name = "a/b/c" }));
        yield return ("other-user", Seed(How.None, Record with { User = ServerTarget.User + 1 }));
        yield return ("smaller-than-part", Seed(How.None, Record with { Size = Held - 1 }));
        yield return ("own-name", Seed(How.None, Record with { Name = ".ferry/lock" }));
        byte[] torn = Seed(How.None, Record);
        yield return ("torn", torn[..^5]);
        yield return ("torn-corrected", [(byte)How.Corrected, .. torn[1..^20]]);
    }

    public override void Dispose() => Directory.Delete(root, recursive: true);

    protected override void Take(byte[] input)
    {
        How how = input.Length > 0 ? (How)input[0] : How.None;
        byte[] record = input[Math.Min(1, input.Length)..];
        if (how.HasFlag(How.Corrected) && record.Length >= HashBytes)
        {
            XxHash128.Hash(record.AsSpan(..^HashBytes), record.AsSpan(^HashBytes..));
        }
        Plant(record, how);
        visible.Refresh();
        (long, DateTime) before = (visible.Length, visible.LastWriteTimeUtc);

        using (Store store = Open(TimeSpan.FromDays(1)))
        {
            List<PartialListing> listed = PartialListing.Read(root);
            listed.ForEach(Check);
            foreach (FerryPath name in listed.Select(listing => listing.Record.Name).Append(Record.Name).Distinct())
            {
                Claim(store, name, how);
            }
        }
        using (Open(TimeSpan.Zero))
        {
            // It keeps nothing, so everything goes.
        }
        if (Directory.Exists(folder))
        {
            throw new FindingException($".ferry/partials still holds {string.Join(", ", Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName))}");
        }
        visible.Refresh();
        string?[] names = [.. Directory.EnumerateFileSystemEntries(root).Select(Path.GetFileName).Order(StringComparer.Ordinal)];
        if (!names.SequenceEqual([".ferry", visible.Name]) || before != (visible.Length, visible.LastWriteTimeUtc))
        {
            throw new FindingException($"a record changed what is visible: {string.Join(", ", names)}");
        }
    }

    /// <summary>The record and its part, and what a server leaves that dies while it writes another record.</summary>
    private void Plant(byte[] record, How how)
    {
        for (string own = Directory.CreateDirectory(folder).FullName; own != root; own = Path.GetDirectoryName(own)!)
        {
            File.SetUnixFileMode(own, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
        }
        string part = Path.Combine(folder, "1");
        SetLength(visible.FullName, Held);
        if (how.HasFlag(How.Linked))
        {
            FileCalls.Link(FileCalls.WorkingDirectory, Encoding.UTF8.GetBytes(visible.FullName), FileCalls.WorkingDirectory, Encoding.UTF8.GetBytes(part));
        }
        else
        {
            SetLength(part, how.HasFlag(How.Short) ? Held - 1 : Held);
        }
        File.WriteAllBytes($"{part}.record", record);
        File.WriteAllBytes($"{part}.record.next", record);
        if (how.HasFlag(How.Twice))
        {
            SetLength(Path.Combine(folder, "2"), Held + 1);
            File.WriteAllBytes(Path.Combine(folder, "2.record"), record);
        }
    }

    private static void Check(PartialListing listing)
    {
        if (listing.Length is < Held or > Held + 1 || listing.Length > listing.Record.Size || listing.IsArriving || listing.Record.User != ServerTarget.User)
        {
            throw new FindingException($"{listing} is listed");
        }
        StoredName.Parse(listing.Record.Name);
    }

    /// <summary>What a connection does with an offer: it claims the upload, says how much there is of it, and lets go.</summary>
    private static void Claim(Store store, FerryPath name, How how)
    {
        using Delivery delivery = store.BeginDelivery();
        var expected = new FileExpectation(how.HasFlag(How.Shrunk) ? OfferedSmaller : Offered, new EntryMetadata(0x1A4, null), Durability.Received) { Algorithm = ContentHash.XxHash };
        Upload upload = store.Partials.TryClaim(ServerTarget.User, name, new GoneHolder(), out _) ?? throw new FindingException($"{name} is somebody's, and nobody was here");
        IncomingFile file = delivery.CreateFile(StoredName.Parse(name), expected, store.Partials.Open(upload));
        ContentHash? hash = null;
        if (file.HeldLength > 0)
        {
            file.FlushHeld();
            hash = file.TakeHeldHash(CancellationToken.None);
            if (file.HeldLength is < Held or > Held + 1 || file.HeldLength > expected.Size || !hash.Current().AsSpan().SequenceEqual(Zeros(file.HeldLength)))
            {
                throw new FindingException($"{file.HeldLength} bytes of {name} are said to be there, and they are not");
            }
        }
        hash?.Dispose();
        file.Write("more"u8);
        if (how.HasFlag(How.Parked))
        {
            file.Park(null);
            return;
        }
        file.Dispose();
    }

    private static byte[] Zeros(long length) => ContentHash.Of(ContentHash.XxHash, new byte[length]);

    private Store Open(TimeSpan keep) => Store.Open(new FerryServerOptions { Root = root, Address = "unused", KeepPartials = keep });

    private static byte[] Seed(How how, PartialRecord record) => [(byte)how, .. record.ToBytes()];

    private static void SetLength(string path, long length)
    {
        using FileStream file = File.Create(path);
        file.SetLength(length);
    }
}
