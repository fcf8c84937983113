using System.Text;

namespace Ferry.Cli.Arguments;

/// <summary>
/// The command's arguments with every byte kept. .NET replaces what is not UTF-8 in an argument; here each such byte becomes a lone
/// surrogate, which no valid text holds, and <see cref="ToPath"/> turns it back.
/// </summary>
internal static class RawArguments
{
    private const char FirstEscape = '\uDC00';

    /// <summary>The same arguments, with bytes that are not UTF-8 kept as lone surrogates.</summary>
    /// <param name="arguments">As .NET gave them to the program.</param>
    public static string[] Read(string[] arguments)
    {
        if (!arguments.Any(argument => argument.Contains('\uFFFD', StringComparison.Ordinal)))
        {
            return arguments;
        }
        // Whatever started the program stands before them (ferry, or dotnet and its own arguments), so they are the last ones.
        byte[] all = File.ReadAllBytes("/proc/self/cmdline");
        List<byte[]> raw = [];
        for (int start = 0; start < all.Length;)
        {
            int end = Array.IndexOf(all, (byte)0, start);
            end = end < 0 ? all.Length : end;
            raw.Add(all[start..end]);
            start = end + 1;
        }
        return raw.Count < arguments.Length ? arguments : [.. raw.TakeLast(arguments.Length).Select(Decode)];
    }

    /// <summary>The bytes that an argument had.</summary>
    public static FerryPath ToPath(string argument)
    {
        var bytes = new List<byte>(argument.Length);
        for (int i = 0; i < argument.Length; i++)
        {
            int length = i + 1 < argument.Length && char.IsSurrogatePair(argument[i], argument[i + 1]) ? 2 : 1;
            if (length == 1 && char.IsLowSurrogate(argument[i]))
            {
                bytes.Add((byte)(argument[i] - FirstEscape));
                continue;
            }
            bytes.AddRange(Encoding.UTF8.GetBytes(argument.Substring(i, length)));
            i += length - 1;
        }
        return FerryPath.FromBytes(bytes.ToArray());
    }

    private static string Decode(byte[] argument)
    {
        var text = new StringBuilder(argument.Length);
        ReadOnlySpan<byte> left = argument;
        while (!left.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(left, out Rune rune, out int consumed) == System.Buffers.OperationStatus.Done)
            {
                text.Append(rune.ToString());
            }
            else
            {
                foreach (byte invalid in left[..consumed])
                {
                    text.Append((char)(FirstEscape + invalid));
                }
            }
            left = left[consumed..];
        }
        return text.ToString();
    }
}
