using System.Text;

namespace Ferry.Server;

/// <summary>The plain protocol's last line. It begins with one of two words, for good.</summary>
internal static class PlainText
{
    public static byte[] Stored(Receipt receipt) =>
        Encoding.UTF8.GetBytes($"\nStored {receipt.Size} bytes {receipt.Hash} {receipt.Level?.WireName()} {receipt.Name}\n");

    public static byte[] Refused(FerryException reason) =>
        Encoding.UTF8.GetBytes($"\nRefused {reason.Code.WireName()}: {EscapedText.FromString(reason.Message)}\n");
}
