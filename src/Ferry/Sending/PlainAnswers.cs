using System.Globalization;
using System.Text;

namespace Ferry.Sending;

/// <summary>What a server of the plain protocol says: acknowledgements, and from Ferry's server a last line of its own.</summary>
internal sealed class PlainAnswers
{
    private const string Acknowledgement = "Message received!";

    /// <summary>Acknowledgements are of no interest once they are counted; the last line is shorter than this.</summary>
    private const int MostKept = 8192;

    private readonly StringBuilder text = new();

    /// <summary>What stands behind <c>Refused</c> on a last line; null when there is none.</summary>
    public string? Refusal => LastLine("Refused ");

    /// <summary>True when an acknowledgement has come in part: more of it is on its way.</summary>
    public bool EndsInTheMiddle
    {
        get
        {
            string all = text.ToString();
            int tail = all.Length - (all.LastIndexOf(Acknowledgement, StringComparison.Ordinal) is var at and >= 0 ? at + Acknowledgement.Length : 0);
            return tail > 0 && tail < Acknowledgement.Length && Acknowledgement.StartsWith(all[^tail..], StringComparison.Ordinal);
        }
    }

    public void Add(ReadOnlySpan<byte> received)
    {
        text.Append(Encoding.UTF8.GetString(received));
        if (text.Length > 2 * MostKept)
        {
            text.Remove(0, text.Length - MostKept);
        }
    }

    /// <summary>The receipt for what was sent.</summary>
    public Receipt ToReceipt(FerryPath name, long sent, string hash, bool changed)
    {
        if (Refusal is { } refusal)
        {
            string[] parts = refusal.Split(": ", 2);
            FerryErrorCode code = FerryErrorCodes.TryParse(parts[0], out FerryErrorCode known) ? known : FerryErrorCode.Unsupported;
            return NotStored(name, code.Result(), code, parts[^1]);
        }
        if (changed)
        {
            return NotStored(name, ReceiptResult.Changed, FerryErrorCode.SourceChanged, "the file changed while it was read; the plain protocol cannot take it back, so send it again");
        }
        if (LastLine("Stored ") is not { } stored)
        {
            return new Receipt { Name = name, Result = ReceiptResult.Sent, Size = sent, Hash = hash };
        }
        string[] words = stored.Split(' ', 5);
        if (words.Length < 5 || !long.TryParse(words[0], NumberStyles.None, CultureInfo.InvariantCulture, out long size) || !WireNames<Durability>.TryParse(words[3], out Durability level))
        {
            return NotStored(name, ReceiptResult.Mismatch, FerryErrorCode.Protocol, $"the server's last line cannot be read: {EscapedText.FromString(stored)}");
        }
        if (size != sent || words[2] != hash)
        {
            return NotStored(name, ReceiptResult.Mismatch, size != sent ? FerryErrorCode.SizeMismatch : FerryErrorCode.HashMismatch,
                $"{sent} bytes with hash {hash} were sent, and the server stored {size} with {EscapedText.FromString(words[2])}");
        }
        return new Receipt { Name = StoredName(name, words[4]), Result = ReceiptResult.Stored, Size = size, Hash = hash, Checked = HashCheck.Both, Level = level };
    }

    /// <summary>The name that the server says, where it took another one and needed no escapes to say so.</summary>
    private static FerryPath StoredName(FerryPath sent, string said) =>
        said == sent.ToString() || said.Contains('\\', StringComparison.Ordinal) ? sent : FerryPath.FromString(said);

    private static Receipt NotStored(FerryPath name, ReceiptResult result, FerryErrorCode code, string reason) =>
        new() { Name = name, Result = result, Code = code, Reason = EscapedText.FromString(reason) };

    /// <summary>What follows a word on a line of its own at the very end; null when the server has not said it.</summary>
    private string? LastLine(string word)
    {
        string all = text.ToString();
        if (!all.EndsWith('\n'))
        {
            return null;
        }
        int start = all[..^1].LastIndexOf('\n') + 1;
        return start > 0 && all[start..].StartsWith(word, StringComparison.Ordinal) ? all[(start + word.Length)..^1] : null;
    }
}
