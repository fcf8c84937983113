using Ferry.Files;

namespace Ferry.Cli.Demo;

/// <summary>What comparing a source with what arrived found, byte for byte.</summary>
/// <param name="Files">Files that were compared.</param>
/// <param name="Difference">The first file that is not the same; null when there is none.</param>
internal sealed record Comparison(int Files, FerryPath? Difference)
{
    private const int BufferSize = 256 * 1024;

    /// <summary>Compares a file or a tree. What is not sent, symbolic links for example, is left out.</summary>
    public static Comparison Of(FerryPath source, FerryPath arrived)
    {
        int files = 0;
        foreach (SourceEntry entry in SourceTree.Walk(SourcePath.Classify(source)))
        {
            if (entry.File is not { } file)
            {
                continue;
            }
            using (file)
            {
                FerryPath other = entry.Name.IsEmpty ? arrived : FerryPath.FromBytes([.. arrived.Bytes, (byte)'/', .. entry.Name.Bytes]);
                if (!IsSame(file, other))
                {
                    return new Comparison(files, other);
                }
                files++;
            }
        }
        return new Comparison(files, null);
    }

    private static bool IsSame(SourceFile one, FerryPath other)
    {
        SourceEntry entry = SourceTree.Walk(SourcePath.Classify(other)).First();
        using SourceFile? two = entry.File;
        if (two is null || two.Size != one.Size)
        {
            return false;
        }
        byte[] ones = new byte[BufferSize], twos = new byte[BufferSize];
        int read;
        for (long offset = 0; (read = one.Read(ones, offset)) > 0; offset += read)
        {
            if (two.Read(twos, offset) != read || !ones.AsSpan(0, read).SequenceEqual(twos.AsSpan(0, read)))
            {
                return false;
            }
        }
        return true;
    }
}
