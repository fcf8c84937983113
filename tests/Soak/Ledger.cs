using System.IO.Hashing;

namespace Ferry.Soak;

/// <summary>Checks what the server promised against the disk, and counts.</summary>
internal sealed class Ledger(string root, Contents contents)
{
    private const int MostShown = 20;

    private readonly List<string> faults = [];
    private long deliveries;
    private long disturbed;
    private long receipts;
    private long bytes;

    public long Deliveries => Interlocked.Read(ref deliveries);

    public long Disturbed => Interlocked.Read(ref disturbed);

    public long Receipts => Interlocked.Read(ref receipts);

    /// <summary>Something that must not be.</summary>
    public void Fault(string what)
    {
        lock (faults)
        {
            faults.Add(what);
        }
    }

    /// <summary>A delivery is over.</summary>
    /// <param name="wasDisturbed">Whether it was broken off; otherwise everything must have been stored.</param>
    public void Ended(bool wasDisturbed)
    {
        Interlocked.Increment(ref deliveries);
        Interlocked.Add(ref disturbed, wasDisturbed ? 1 : 0);
    }

    /// <summary>Each receipt against the file on disk: there, of that size, of that hash, and what was sent.</summary>
    public void CheckReceipt(string name, long size, string? hash)
    {
        Interlocked.Increment(ref receipts);
        Interlocked.Add(ref bytes, size);
        byte[] content;
        try
        {
            content = File.ReadAllBytes(Path.Combine(root, name));
        }
        catch (IOException e)
        {
            Fault($"{name} has a receipt: {e.Message}");
            return;
        }
        string actual = $"xxh128:{Convert.ToHexStringLower(XxHash128.Hash(content))}";
        if (content.Length != size || (hash is not null && hash != actual))
        {
            Fault($"{name} has a receipt for {size} bytes, {hash}, and holds {content.Length}, {actual}");
        }
    }

    /// <summary>What is visible is whole, whether it has a receipt or not.</summary>
    /// <param name="into">The directory of one delivery.</param>
    public void CheckWhole(string into)
    {
        string directory = Path.Combine(root, into);
        if (!Directory.Exists(directory))
        {
            return;
        }
        foreach (string file in Directory.EnumerateFiles(directory, "*", SearchOption.AllDirectories))
        {
            if (!contents.Of(Path.GetFileName(file)).Span.SequenceEqual(File.ReadAllBytes(file)))
            {
                Fault($"{file} is not what was sent");
            }
        }
    }

    /// <summary>Makes room. Of a delivery that was broken off the server may still be storing something: that stays, and does no harm.</summary>
    public void Remove(string into)
    {
        try
        {
            Directory.Delete(Path.Combine(root, into), recursive: true);
        }
        catch (IOException)
        {
            // Something came while it was removed.
        }
    }

    /// <summary>Writes what was counted.</summary>
    /// <returns>True when there was no fault.</returns>
    public bool Report()
    {
        Console.WriteLine($"{Deliveries} deliveries, {Disturbed} of them broken off; {Receipts} receipts for {bytes} bytes checked against the disk; {faults.Count} faults");
        foreach (string fault in faults.Take(MostShown))
        {
            Console.WriteLine($"FAULT: {fault}");
        }
        return faults.Count == 0;
    }
}
