namespace Ferry.Server;

/// <summary>What happens when a delivered file's name exists already.</summary>
public enum ExistingFiles
{
    /// <summary>The new content takes the old one's place, atomically.</summary>
    Replace,
    /// <summary>The old content stays; the receipt says <see cref="ReceiptResult.Kept"/>.</summary>
    Keep,
    /// <summary>The file is refused.</summary>
    Refuse,
    /// <summary>The new file is stored beside the old one under a free numbered name: <c>a.txt</c> becomes <c>a.1.txt</c>.</summary>
    Number,
}
