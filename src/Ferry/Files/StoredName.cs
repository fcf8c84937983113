namespace Ferry.Files;

/// <summary>
/// A name that may be stored: relative, one component or several, none of which leads elsewhere or into the server's own
/// directory. Names from a peer become file names only through <see cref="Parse"/>.
/// </summary>
internal readonly struct StoredName
{
    /// <summary>The server's own directory in the root; refused as a component at any depth, in any case of letters.</summary>
    public static ReadOnlySpan<byte> Reserved => ".ferry"u8;

    /// <summary>The longest component that Linux file systems store, in bytes.</summary>
    public const int LongestComponent = 255;

    /// <summary>How many components a name may have.</summary>
    public const int MostLevels = 1000;

    private const byte Separator = (byte)'/';

    private readonly int lastStart;

    private StoredName(FerryPath path, FerryPath shown)
    {
        Path = path;
        Shown = shown;
        lastStart = path.Bytes.LastIndexOf(Separator) + 1;
    }

    /// <summary>The whole name.</summary>
    public FerryPath Path { get; }

    /// <summary>The name that the sender knows: another one where the entry waits in a directory of the server's own.</summary>
    public FerryPath Shown { get; }

    /// <summary>True when the entry waits in a directory of the server's own, where nothing of anybody else's stands in its way.</summary>
    public bool Waits => Path != Shown;

    /// <summary>What stands before the last component; empty when that is the root itself.</summary>
    public ReadOnlySpan<byte> Directory => Path.Bytes[..Math.Max(lastStart - 1, 0)];

    /// <summary>The last component.</summary>
    public ReadOnlySpan<byte> Last => Path.Bytes[lastStart..];

    /// <summary>Checks a name.</summary>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.BadName"/>, <see cref="FerryErrorCode.NameTooLong"/> or
    /// <see cref="FerryErrorCode.ReservedName"/>, with the reason.</exception>
    public static StoredName Parse(FerryPath name)
    {
        ReadOnlySpan<byte> bytes = name.Bytes;
        if (bytes.IsEmpty)
        {
            throw Refused(FerryErrorCode.BadName, name, "a name cannot be empty");
        }
        if (bytes[0] == Separator)
        {
            throw Refused(FerryErrorCode.BadName, name, "a name must be relative, without a slash in front");
        }
        if (bytes.Contains((byte)0))
        {
            throw Refused(FerryErrorCode.BadName, name, "a name cannot hold a NUL");
        }
        int levels = 0;
        foreach (Range range in bytes.Split(Separator))
        {
            CheckComponent(name, bytes[range]);
            if (++levels > MostLevels)
            {
                throw Refused(FerryErrorCode.NameTooLong, name, $"it has more than {MostLevels} levels");
            }
        }
        return new StoredName(name, name);
    }

    /// <summary>The name below a directory of the server's own under which something waits.</summary>
    /// <param name="own">The directory.</param>
    /// <param name="rest">What stands below it: the end of <paramref name="sent"/>.</param>
    /// <param name="sent">The name that the sender gave, which is valid.</param>
    public static StoredName Below(FerryPath own, ReadOnlySpan<byte> rest, FerryPath sent) =>
        new(FerryPath.FromBytes([.. own.Bytes, Separator, .. rest]), sent);

    /// <summary>The name beside this one with another last component, which is valid already.</summary>
    public StoredName WithLast(ReadOnlySpan<byte> last)
    {
        FerryPath beside = FerryPath.FromBytes([.. Path.Bytes[..lastStart], .. last]);
        return new(beside, beside);
    }

    private static void CheckComponent(FerryPath name, ReadOnlySpan<byte> component)
    {
        if (component.IsEmpty)
        {
            throw Refused(FerryErrorCode.BadName, name, "a component is empty: two slashes in a row, or one at the end");
        }
        if (component.SequenceEqual("."u8) || component.SequenceEqual(".."u8))
        {
            throw Refused(FerryErrorCode.BadName, name, "a component cannot be . or ..");
        }
        if (component.Length > LongestComponent)
        {
            throw Refused(FerryErrorCode.NameTooLong, name, $"a component has {component.Length} bytes; {LongestComponent} are possible");
        }
        // A file system that ignores case would take .FERRY for the same directory.
        if (System.Text.Ascii.EqualsIgnoreCase(component, Reserved))
        {
            throw Refused(FerryErrorCode.ReservedName, name, "the name .ferry belongs to the server");
        }
    }

    private static FerryException Refused(FerryErrorCode code, FerryPath name, string reason) =>
        new(code, $"the name {Shortened(name)} is refused: {reason}");

    /// <summary>A refused name may be as long as a message allows; a person needs only its beginning.</summary>
    private static string Shortened(FerryPath name) => name.Bytes.Length <= LongestComponent
        ? $"\"{name}\""
        : $"\"{FerryPath.FromBytes(name.Bytes[..LongestComponent])}\"...";
}
