using Ferry.Files;
using Ferry.Native;
using Ferry.Server.Storage.Journal;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>A file under its temporary name: invisible, and removed when it is disposed before it was published.</summary>
internal sealed class StagedFile : IDisposable
{
    /// <summary>For content whose mode the sender did not say; the directory around it keeps everybody else out.</summary>
    public const uint ReadersAndWritersBeforeUmask = 0x1B6; // 0666

    private readonly ConfinedDirectory staging;
    private readonly byte[] temporaryName;
    private readonly FerryPath name;
    private readonly SafeFileHandle handle;
    private readonly bool isLocked;
    private FerryException? failure;
    private bool isFlushed;
    private bool isPublished;

    /// <param name="staging">Where it is made; outlives it.</param>
    /// <param name="temporaryName">Its name there, which is free.</param>
    /// <param name="name">What it will be called, for errors.</param>
    /// <param name="mode">Permission bits before the umask.</param>
    public StagedFile(ConfinedDirectory staging, byte[] temporaryName, FerryPath name, uint mode)
    {
        this.staging = staging;
        this.temporaryName = temporaryName;
        this.name = name;
        handle = staging.CreateFile(temporaryName, mode, name);
    }

    /// <summary>Takes over a file that is there.</summary>
    /// <param name="staging">Where it is; outlives it.</param>
    /// <param name="temporaryName">Its name there.</param>
    /// <param name="name">What it will be called, for errors.</param>
    /// <param name="handle">Open for writing, and locked; owned from now on.</param>
    public StagedFile(ConfinedDirectory staging, byte[] temporaryName, FerryPath name, SafeFileHandle handle)
    {
        this.staging = staging;
        this.temporaryName = temporaryName;
        this.name = name;
        this.handle = handle;
        isLocked = true;
    }

    /// <summary>True when a call on it has failed.</summary>
    public bool HasFailed => failure is not null;

    public FileStatus GetStatus()
    {
        Check(FileCalls.GetStatus(handle, out FileStatus status), "look at");
        return status;
    }

    /// <summary>Reads what was written before.</summary>
    /// <returns>Bytes read; fewer than asked for at the end.</returns>
    public int Read(Span<byte> buffer, long position)
    {
        int filled = 0;
        int length = 1;
        while (filled < buffer.Length && length > 0)
        {
            Check(FileCalls.Read(handle, buffer[filled..], position + filled, out length), "read");
            filled += length;
        }
        return filled;
    }

    /// <summary>Cuts it, and gives back blocks that were reserved behind its end.</summary>
    public void Truncate(long size) => Check(FileCalls.Truncate(handle, size), "shorten");

    /// <summary>Closes it and leaves it where it is, published or not.</summary>
    public void Leave()
    {
        isPublished = true;
        Close();
    }

    /// <summary>The mode that it was made with.</summary>
    public uint GetMode() => GetStatus().Permissions;

    /// <summary>Where it waits.</summary>
    public StagedIdentity Place => new(staging.Path, FerryPath.FromBytes(temporaryName), 0, default);

    /// <summary>Where it waits, and what tells it from others, wherever it is later.</summary>
    public StagedIdentity Identify()
    {
        FileStatus status = GetStatus();
        return Place with { Inode = status.Inode, Born = status.Born };
    }

    /// <summary>Reserves blocks on the device; false where the file system cannot.</summary>
    public bool TryAllocate(long size)
    {
        int error = FileCalls.Allocate(handle, size);
        if (error is Errno.EOPNOTSUPP or Errno.ENOSYS or Errno.EINVAL)
        {
            return false;
        }
        Check(error, "reserve space for");
        return true;
    }

    /// <summary>Shares the content of another file; false where the file system cannot, or not with that file.</summary>
    public bool TryClone(SafeFileHandle source)
    {
        int error = DescriptorCalls.Clone(handle, source);
        if (error is Errno.EOPNOTSUPP or Errno.EXDEV or Errno.EINVAL or Errno.ENOTTY or Errno.ENOSYS or Errno.EPERM or Errno.EBADF or Errno.ETXTBSY)
        {
            return false;
        }
        Check(error, "clone");
        return true;
    }

    public void Write(ReadOnlySpan<byte> content, long position) => Check(FileCalls.WriteAll(handle, content, position), "write");

    /// <summary>Has the kernel begin to write content to the device, without waiting: the flush at the end is then short.</summary>
    public void StartWriteBack(long position, long length) => Check(FileCalls.StartWriteBack(handle, position, length), "write");

    public void SetGroup(uint group) => Check(FileCalls.SetGroup(handle, group), "give the group of its setgid directory to");

    public void SetMode(uint mode) => Check(FileCalls.SetMode(handle, mode), "set the mode of");

    public void SetModified(FileTime time) => Check(FileCalls.SetModified(handle, time.Seconds, time.Nanoseconds), "set the time of");

    /// <summary>Flushes content and metadata to the device, once.</summary>
    public void Flush()
    {
        if (!isFlushed)
        {
            Check(FileCalls.Flush(handle), "flush");
            isFlushed = true;
        }
    }

    /// <summary>Flushes what there is so far; more will be written, and flushed at the end.</summary>
    public void FlushSoFar() => Check(FileCalls.Flush(handle), "flush");

    /// <summary>Gives the descriptor up, and the lock with it: a flush of the whole file system needs none.</summary>
    public void Close()
    {
        if (isLocked)
        {
            FileCalls.Unlock(handle);
        }
        else
        {
            handle.Dispose();
        }
    }

    /// <summary>Notes that a flush of the whole file system has come to its end without an error.</summary>
    public void MarkFlushed() => isFlushed = true;

    /// <summary>Publishes it under a name that does not exist; false when it does.</summary>
    public bool TryPublish(ConfinedDirectory directory, ReadOnlySpan<byte> newName)
    {
        ThrowIfFailed();
        return isPublished = staging.TryRename(temporaryName, directory, newName);
    }

    /// <summary>Publishes it in the place of another file. It is flushed by then, so that a power cut leaves the one or the other (invariant 1).</summary>
    public void PublishInPlace(ConfinedDirectory directory, ReadOnlySpan<byte> existingName)
    {
        Flush();
        ThrowIfFailed();
        staging.Replace(temporaryName, directory, existingName);
        isPublished = true;
    }

    public void Dispose()
    {
        Close();
        if (isPublished)
        {
            return;
        }
        isPublished = true;
        try
        {
            staging.RemoveFile(temporaryName);
        }
        catch (FerryException)
        {
            // It is invisible, and swept when the next server starts. What led here is the error to report.
        }
    }

    /// <summary>
    /// After a failed call the content cannot be trusted: the kernel reports a failed write-back once, and a flush tried
    /// again would succeed without the lost pages (invariant 2). So the first failure is the file's last word.
    /// </summary>
    private void Check(int error, string action)
    {
        ThrowIfFailed();
        if (error != 0)
        {
            failure = staging.Failure(error, action, name);
            throw failure;
        }
    }

    private void ThrowIfFailed()
    {
        if (failure is not null)
        {
            throw new FerryException(failure.Code, failure.Message, failure);
        }
    }
}
