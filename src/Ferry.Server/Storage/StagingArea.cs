using System.Globalization;
using System.Text;
using Ferry.Files;
using Ferry.Native;
using Ferry.Server.Storage.Journal;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Server.Storage;

/// <summary>
/// The server's own directory <c>.ferry</c> in the root (invariant 4): what arrives waits in <c>.ferry/incoming</c>, in one
/// directory per delivery, until it is published, and directories that arrive whole are filled in <c>.ferry/trees</c>; <c>.ferry/lock</c> is locked for as
/// long as the root is served.
/// </summary>
internal sealed class StagingArea : IDisposable
{
    private const uint OwnerOnly = 0x1C0; // 0700
    private const uint OwnerReadsAndWrites = 0x180; // 0600
    private const uint PermissionBits = 0x1FF;

    private readonly ConfinedDirectory incoming;
    private readonly SafeFileHandle lockFile;
    private long deliveries;

    private StagingArea(ConfinedDirectory incoming, WaitingTrees trees, ConfinedDirectory partials, SafeFileHandle lockFile, Journals journals)
    {
        this.incoming = incoming;
        Trees = trees;
        Partials = partials;
        Journals = journals;
        this.lockFile = lockFile;
    }

    /// <summary>Where parts of files wait for their senders; whoever takes it closes it.</summary>
    public ConfinedDirectory Partials { get; }

    /// <summary>The name of that directory.</summary>
    public static ReadOnlySpan<byte> PartialsName => "partials"u8;

    private static ReadOnlySpan<byte> Incoming => "incoming"u8;

    /// <summary>Where directories wait that arrive whole.</summary>
    public WaitingTrees Trees { get; }

    /// <summary>What could not be removed at the start, and why; null when everything was.</summary>
    public string? SweepNote { get; private init; }

    /// <summary>What deliveries with a key have stored.</summary>
    public Journals Journals { get; }

    /// <summary>Makes or checks the directory, takes the lock, and removes what a dead server left.</summary>
    /// <exception cref="FerryException">The directory is not ours alone, or another server serves this root.</exception>
    public static StagingArea Open(ConfinedDirectory root, FileSystemFlusher flusher)
    {
        using ConfinedDirectory own = OpenOwn(root, StoredName.Reserved);
        SafeFileHandle lockFile = own.OpenOrCreateFile("lock"u8, OwnerReadsAndWrites);
        ConfinedDirectory? incoming = null;
        WaitingTrees? trees = null;
        Journals? journals = null;
        try
        {
            TakeLock(lockFile, own);
            incoming = OpenOwn(own, Incoming);
            trees = new WaitingTrees(OpenOwn(own, WaitingTrees.Name), TimeProvider.System);
            // They look at what a dead server left, so that comes before the sweep.
            journals = Journals.Open(OpenOwn(own, "journal"u8), root, flusher, TimeProvider.System);
            Sweep(incoming);
            return new StagingArea(incoming, trees, OpenOwn(own, PartialsName), lockFile, journals) { SweepNote = trees.Sweep(_ => true) };
        }
        catch
        {
            journals?.Dispose();
            trees?.Dispose();
            incoming?.Dispose();
            lockFile.Dispose();
            throw;
        }
    }

    /// <summary>Makes a directory for one delivery's files.</summary>
    public ConfinedDirectory MakeDeliveryDirectory()
    {
        while (true)
        {
            byte[] name = NumberText(Interlocked.Increment(ref deliveries));
            // The lock and the sweep leave nobody else who takes a number, so a taken one is an accident, and the next is free.
            if (incoming.TryMakeDirectory(name, OwnerOnly))
            {
                return OpenNew(name);
            }
        }
    }

    /// <summary>A directory that was made and cannot be opened (no descriptor is left) would stay until the next start.</summary>
    private ConfinedDirectory OpenNew(byte[] name)
    {
        try
        {
            return incoming.OpenDirectory(name);
        }
        catch
        {
            incoming.RemoveDirectory(name);
            throw;
        }
    }

    /// <summary>Removes the directory of a delivery that has ended.</summary>
    public void RemoveDeliveryDirectory(ConfinedDirectory directory)
    {
        ReadOnlySpan<byte> path = directory.Path.Bytes;
        TryRemoveDirectory(incoming, path[(path.LastIndexOf((byte)'/') + 1)..]);
    }

    /// <summary>Removes an empty directory, where that is possible.</summary>
    public static void TryRemoveDirectory(ConfinedDirectory parent, ReadOnlySpan<byte> name)
    {
        try
        {
            parent.RemoveDirectory(name);
        }
        catch (FerryException)
        {
            // The next start sweeps it, with whatever could not be removed from it.
        }
    }

    public void Dispose()
    {
        Journals.Dispose();
        Trees.Dispose();
        incoming.Dispose();
        FileCalls.Unlock(lockFile);
    }

    /// <summary>The name of a delivery's directory or of a file in it.</summary>
    public static byte[] NumberText(long number) => Encoding.ASCII.GetBytes(number.ToString(CultureInfo.InvariantCulture));

    /// <summary>Opens a directory of the server's own, and makes it when it does not exist.</summary>
    /// <exception cref="FerryException">It is not ours alone.</exception>
    public static ConfinedDirectory OpenOwn(ConfinedDirectory parent, ReadOnlySpan<byte> name)
    {
        parent.TryMakeDirectory(name, OwnerOnly);
        ConfinedDirectory own = parent.OpenDirectory(name);
        if (own.Status.User == FileCalls.EffectiveUser && (own.Status.Permissions & PermissionBits) == OwnerOnly)
        {
            return own;
        }
        using (own)
        {
            throw new FerryException(
                FerryErrorCode.PermissionDenied,
                $"cannot use {own.Path}, where arriving files wait: it must belong to the server's user (uid {FileCalls.EffectiveUser}) with mode 0700, "
                + $"and belongs to uid {own.Status.User} with mode 0{Convert.ToString(own.Status.Permissions, 8)}; if no server of another user is meant to "
                + "serve this directory, remove it");
        }
    }

    private static void TakeLock(SafeFileHandle lockFile, ConfinedDirectory own)
    {
        int error = FileCalls.TryLock(lockFile);
        if (error == Errno.EAGAIN)
        {
            throw new FerryException(
                FerryErrorCode.Usage,
                $"another server (process {ReadProcess(lockFile)}) serves this directory already; stop it, or choose another directory");
        }
        if (error == 0)
        {
            error = FileCalls.Truncate(lockFile, 0);
        }
        if (error == 0)
        {
            error = FileCalls.WriteAll(lockFile, Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{Environment.ProcessId}\n")), 0);
        }
        if (error != 0)
        {
            throw own.Failure(error, "lock", "lock"u8);
        }
    }

    private static string ReadProcess(SafeFileHandle lockFile)
    {
        Span<byte> text = stackalloc byte[16];
        return FileCalls.Read(lockFile, text, 0, out int length) == 0 && length > 1 ? EscapedText.FromBytes(text[..(length - 1)]) : "unknown";
    }

    /// <summary>Removes every delivery's directory. Its owner is dead, because the lock is ours.</summary>
    private static void Sweep(ConfinedDirectory incoming)
    {
        foreach (FerryPath name in incoming.ReadNames())
        {
            if (incoming.TryGetStatus(name.Bytes, out FileStatus status) && status.IsDirectory)
            {
                using ConfinedDirectory delivery = incoming.OpenDirectory(name.Bytes);
                foreach (FerryPath file in delivery.ReadNames())
                {
                    delivery.RemoveFile(file.Bytes);
                }
                incoming.RemoveDirectory(name.Bytes);
            }
            else
            {
                incoming.RemoveFile(name.Bytes);
            }
        }
    }
}
