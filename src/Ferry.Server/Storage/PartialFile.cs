using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>The file of an upload that somebody has claimed: written through <see cref="Staged"/>, then published, parked or removed.</summary>
internal sealed class PartialFile
{
    /// <summary>A part that is shorter than this is not worth keeping.</summary>
    public const long LeastKept = 1 << 20;

    private readonly Partials partials;
    private readonly Upload upload;
    private readonly PartialFolder folder;
    private PartialRecord? record;
    private ContentHash? held;
    private bool ended;

    /// <param name="partials">Where the upload is known.</param>
    /// <param name="upload">The upload; claimed.</param>
    /// <param name="folder">Where its file is.</param>
    /// <param name="handle">The file, open and locked; owned from now on.</param>
    /// <param name="held">What it holds from before; null for a new file.</param>
    /// <param name="record">The record of that; null for a new file.</param>
    public PartialFile(Partials partials, Upload upload, PartialFolder folder, SafeFileHandle handle, ParkedState? held = null, PartialRecord? record = null)
    {
        this.partials = partials;
        this.upload = upload;
        this.folder = folder;
        Staged = new StagedFile(folder.Directory, upload.Id, upload.Name, handle);
        HeldLength = held?.Status.Size ?? 0;
        this.held = held?.Hash;
        this.record = record;
    }

    public StagedFile Staged { get; }

    /// <summary>Bytes that arrived on an earlier connection.</summary>
    public long HeldLength { get; private set; }

    /// <summary>Writes down whose it is, before its first content.</summary>
    public void WriteRecord(in FileExpectation expected, TimeProvider clock)
    {
        var wanted = new PartialRecord(upload.User, upload.Name, expected.Size!.Value, expected.Metadata.Modified, expected.Algorithm!, record?.Begun ?? clock.GetUtcNow());
        if (record is null)
        {
            folder.WriteRecord(upload.Id, wanted);
        }
        else if (record != wanted)
        {
            folder.ReplaceRecord(upload.Id, wanted);
        }
        record = wanted;
    }

    /// <summary>The hash over what it holds: kept in memory since it was written, or read again.</summary>
    /// <param name="algorithm">By which algorithm.</param>
    /// <param name="cancellationToken">Ends the reading.</param>
    public ContentHash TakeHash(string algorithm, CancellationToken cancellationToken)
    {
        if (held?.Algorithm == algorithm)
        {
            (ContentHash kept, held) = (held, null);
            return kept;
        }
        ContentHash hash = ContentHash.Create(algorithm);
        byte[] buffer = GC.AllocateUninitializedArray<byte>(CopyBuffers.Size);
        for (long position = 0; position < HeldLength;)
        {
            cancellationToken.ThrowIfCancellationRequested();
            int read = Staged.Read(buffer.AsSpan(0, (int)Math.Min(buffer.Length, HeldLength - position)), position);
            if (read == 0)
            {
                throw new FerryException(FerryErrorCode.StorageError, $"the part of {upload.Name} that had arrived has become shorter; send it again");
            }
            hash.Append(buffer.AsSpan(0, read));
            position += read;
        }
        return hash;
    }

    /// <summary>Begins it anew.</summary>
    public void Empty()
    {
        held?.Dispose();
        (held, HeldLength) = (null, 0);
        Staged.Truncate(0);
    }

    /// <summary>Leaves it for its sender to come back. Nothing is flushed now: a server may lose many clients at once.</summary>
    /// <param name="length">Bytes written.</param>
    /// <param name="hash">The hash over exactly those; null when it is not known. Owned from now on.</param>
    public void Park(long length, ContentHash? hash)
    {
        if (length < LeastKept || Staged.HasFailed)
        {
            hash?.Dispose();
            End();
            return;
        }
        try
        {
            Staged.Truncate(length);
            var state = new ParkedState(Staged.GetStatus(), hash ?? (length == HeldLength ? held : null));
            ended = true;
            // Its lock goes with it, so that whoever comes for it next can have it.
            Staged.Leave();
            partials.Park(upload, state);
        }
        catch (FerryException)
        {
            hash?.Dispose();
            End();
        }
    }

    /// <summary>It is published, or not wanted any more.</summary>
    public void End()
    {
        if (ended)
        {
            return;
        }
        ended = true;
        held?.Dispose();
        Staged.Dispose();
        if (record is not null)
        {
            folder.RemoveRecord(upload.Id);
        }
        partials.End(upload);
    }
}
