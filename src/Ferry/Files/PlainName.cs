namespace Ferry.Files;

/// <summary>The name of a file in the plain protocol: one component, never a path.</summary>
internal static class PlainName
{
    /// <summary>Gives the name back when it can be stored.</summary>
    /// <exception cref="FerryException">It is empty, too long, a path, or a name that is never stored.</exception>
    public static FerryPath Check(ReadOnlySpan<byte> name)
    {
        FerryPath path = FerryPath.FromBytes(name);
        if (name.Contains((byte)'/'))
        {
            throw new FerryException(FerryErrorCode.BadName, $"{path} is a path; the plain protocol takes one name without a slash");
        }
        if (name.Contains((byte)'\n'))
        {
            throw new FerryException(FerryErrorCode.BadName, $"{path} holds a newline, which ends a name in the plain protocol");
        }
        _ = StoredName.Parse(path);
        return path;
    }
}
