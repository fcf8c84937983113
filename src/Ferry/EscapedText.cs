using System.Buffers;
using System.Globalization;
using System.Text;

namespace Ferry;

/// <summary>
/// Makes text that came from a file name or a peer safe to show: control characters, bidirectional controls, line
/// separators and bytes that are not UTF-8 appear as <c>\n</c>, <c>\xE9</c> or <c>\u202E</c>, a backslash as <c>\\</c>.
/// </summary>
internal static class EscapedText
{
    public static string FromBytes(ReadOnlySpan<byte> bytes)
    {
        var text = new StringBuilder(bytes.Length);
        while (!bytes.IsEmpty)
        {
            if (Rune.DecodeFromUtf8(bytes, out Rune rune, out int consumed) == OperationStatus.Done)
            {
                Append(text, rune);
            }
            else
            {
                foreach (byte invalid in bytes[..consumed])
                {
                    text.Append(CultureInfo.InvariantCulture, $"\\x{invalid:X2}");
                }
            }
            bytes = bytes[consumed..];
        }
        return text.ToString();
    }

    public static string FromString(string value) => FromBytes(Encoding.UTF8.GetBytes(value));

    private static void Append(StringBuilder text, Rune rune)
    {
        switch (rune.Value)
        {
            case '\\': text.Append("\\\\"); return;
            case '\n': text.Append("\\n"); return;
            case '\r': text.Append("\\r"); return;
            case '\t': text.Append("\\t"); return;
        }
        switch (Rune.GetUnicodeCategory(rune))
        {
            case UnicodeCategory.Control when rune.Value < 0x80:
                text.Append(CultureInfo.InvariantCulture, $"\\x{rune.Value:X2}");
                return;
            case UnicodeCategory.Control:
            case UnicodeCategory.Format:
            case UnicodeCategory.LineSeparator:
            case UnicodeCategory.ParagraphSeparator:
            case UnicodeCategory.PrivateUse:
            case UnicodeCategory.OtherNotAssigned:
                text.Append(CultureInfo.InvariantCulture, $"\\u{rune.Value:X4}");
                return;
            default:
                Span<char> chars = stackalloc char[2];
                text.Append(chars[..rune.EncodeToUtf16(chars)]);
                return;
        }
    }
}
