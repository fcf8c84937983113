using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>Who writes an upload: a connection.</summary>
internal interface IUploadHolder
{
    /// <summary>True when its peer has gone, or says nothing though it should.</summary>
    bool IsGone { get; }

    /// <summary>Gives the connection up, so that somebody else can go on with a file of its.</summary>
    void GiveUp(FerryPath name);
}

/// <summary>
/// One upload as the server knows it while it runs: a file that arrives, or a part of one that waits for its sender to come back. Its fields belong to
/// <see cref="Partials"/>, whoever has claimed it uses the file.
/// </summary>
internal sealed class Upload(uint user, FerryPath name)
{
    public uint User => user;

    public FerryPath Name => name;

    /// <summary>The number of its file, in text; empty before that is made.</summary>
    public byte[] Id { get; set; } = [];

    /// <summary>Who writes it; null while it waits.</summary>
    public IUploadHolder? Holder { get; set; }

    /// <summary>Completed when its holder lets go of it.</summary>
    public TaskCompletionSource Released { get; set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

    /// <summary>What it was when it was parked.</summary>
    public ParkedState? Parked { get; set; }
}

/// <summary>A part of a file that waits.</summary>
/// <param name="Status">Of its file; what differs from that later was not done by this server.</param>
/// <param name="Hash">The state of the hash over all of it; null when it has to be read for that.</param>
internal sealed record ParkedState(FileStatus Status, ContentHash? Hash)
{
    /// <summary>When it was written to last.</summary>
    public DateTimeOffset LastWrite { get; } = DateTimeOffset.FromUnixTimeSeconds(
        Math.Clamp(Status.Modified.Seconds, DateTimeOffset.MinValue.ToUnixTimeSeconds(), DateTimeOffset.MaxValue.ToUnixTimeSeconds()))
        + TimeSpan.FromMicroseconds(Status.Modified.Nanoseconds / 1000);
}
