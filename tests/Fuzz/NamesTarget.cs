using System.Globalization;
using System.Text;
using Ferry.Files;
using Ferry.Sending;

namespace Ferry.Fuzz;

/// <summary>Names and addresses from anywhere. What is accepted is checked against the rules as they are written in docs/protocol.md.</summary>
internal sealed class NamesTarget : FuzzTarget
{
    private static readonly string[] Known =
    [
        "a", "a/b.txt", "..", "a/../b", ".ferry", "a/.FERRY/b", "/etc/x", "a//b", "a/", "unix:a", "plain:/run/b", "./a:b", "ssh://x", "\u202Ename\n", "ä\\",
    ];

    public override IEnumerable<(string Name, byte[] Bytes)> Seeds() => Known
        .Select((name, i) => ($"name{i}", Encoding.UTF8.GetBytes(name)))
        .Append(("bytes", [0xFF, 0xFE, 0x80, (byte)'/', 0xED, 0xA0, 0x80]))
        .Append(("long", [.. Enumerable.Repeat((byte)'a', 256)]));

    public override void Dispose()
    {
    }

    protected override void Take(byte[] input)
    {
        FerryPath path = FerryPath.FromBytes(input);
        CheckShown(path.ToString());
        if (path.TryGetString(out string? text) && FerryPath.FromString(text) != path)
        {
            throw new FindingException("a path is another after it was a string");
        }
        bool mayBeStored = Accepts(() => StoredName.Parse(path));
        if (mayBeStored != IsName(input))
        {
            throw new FindingException($"{path} is {(mayBeStored ? "accepted" : "refused")}, against the rules");
        }
        if (mayBeStored)
        {
            CheckParts(StoredName.Parse(path));
        }
        if (Accepts(() => PlainName.Check(input)) && (!mayBeStored || input.AsSpan().ContainsAny((byte)'/', (byte)'\n')))
        {
            throw new FindingException($"{path} is accepted as a plain name, against the rules");
        }
        Accepts(() => CheckShown(FerryAddress.Parse(path).ToString()));
        ArrivalName.ForAs(path);
        ArrivalName.For("name", path);
    }

    /// <summary>True when it is accepted, false when it is refused; everything else is a finding.</summary>
    private static bool Accepts(Action parse)
    {
        try
        {
            parse();
            return true;
        }
        catch (FerryException e)
        {
            FindingException.ThrowIfInternal(e);
            CheckShown(e.Message);
            return false;
        }
    }

    private static bool IsName(byte[] bytes)
    {
        string[] components = Encoding.Latin1.GetString(bytes).Split('/');
        return components.Length <= 1000
            && components.All(component => component.Length is >= 1 and <= 255 && component is not ("." or "..")
                && !component.Contains('\0', StringComparison.Ordinal) && !component.Equals(".ferry", StringComparison.OrdinalIgnoreCase));
    }

    private static void CheckParts(StoredName name)
    {
        byte[] whole = name.Directory.IsEmpty ? name.Last.ToArray() : [.. name.Directory, (byte)'/', .. name.Last];
        if (!name.Path.Bytes.SequenceEqual(whole) || name.WithLast("other"u8).Directory.Length != name.Directory.Length)
        {
            throw new FindingException($"{name.Path} is not what its parts are");
        }
    }

    /// <summary>What a person sees cannot play tricks with the terminal.</summary>
    private static void CheckShown(string shown)
    {
        foreach (Rune rune in shown.EnumerateRunes())
        {
            if (Rune.GetUnicodeCategory(rune) is UnicodeCategory.Control or UnicodeCategory.Format or UnicodeCategory.LineSeparator or UnicodeCategory.ParagraphSeparator)
            {
                throw new FindingException($"U+{rune.Value:X4} is shown as it is");
            }
        }
    }
}
