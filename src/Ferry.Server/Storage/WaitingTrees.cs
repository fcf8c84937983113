using System.Globalization;
using Ferry.Files;
using Ferry.Native;
using Ferry.Server.Storage.Journal;

namespace Ferry.Server.Storage;

/// <summary>
/// The directory <c>.ferry/trees</c>, in which directories are filled that are published as a whole. Those of a delivery with a key have names that its next
/// connection finds, also after another start of the server; all others have numbers, and end with their connection.
/// </summary>
/// <param name="directory">The directory; owned from now on.</param>
/// <param name="clock">For ages.</param>
internal sealed class WaitingTrees(ConfinedDirectory directory, TimeProvider clock) : IDisposable
{
    /// <summary>The sticky bit, which a directory with a key has until it is published: what was replaced, and has its name from then on, is not taken for it.</summary>
    public const uint Waiting = 0x200;

    private const uint OwnerOnly = 0x1C0; // 0700

    /// <summary>How long a directory waits for its delivery to go on.</summary>
    private static readonly TimeSpan LongestWait = UserJournal.Age;

    private readonly HashSet<FerryPath> taken = [];
    private long made;
    private long replaced;

    public static ReadOnlySpan<byte> Name => "trees"u8;

    /// <summary>Its path from the root.</summary>
    public static FerryPath Path { get; } = FerryPath.FromBytes([.. StoredName.Reserved, (byte)'/', .. Name]);

    public ConfinedDirectory Directory => directory;

    /// <summary>How many directories have been replaced by one from here. Who holds one open from before may hold one that is about to be removed.</summary>
    public long Replaced => Volatile.Read(ref replaced);

    /// <summary>Whether two directories can change places in one step.</summary>
    public bool CanExchange()
    {
        byte[] one = Make();
        byte[] other = Make();
        try
        {
            // There it depends on where each of the two is.
            return !directory.GetFileSystemStatus().IsOverlay && directory.TryExchange(one, directory, other);
        }
        finally
        {
            directory.RemoveDirectory(one);
            directory.RemoveDirectory(other);
        }
    }

    /// <summary>Makes a directory.</summary>
    /// <returns>Its name here.</returns>
    public byte[] Make()
    {
        while (true)
        {
            byte[] name = StagingArea.NumberText(Interlocked.Increment(ref made));
            // One that could not be removed may still be there.
            if (directory.TryMakeDirectory(name, OwnerOnly))
            {
                return name;
            }
        }
    }

    /// <summary>Takes the directory of a delivery with a key; who takes it gives it back with <see cref="Release"/>.</summary>
    /// <param name="user">Whose delivery it is.</param>
    /// <param name="arrival">Which directory of the delivery.</param>
    /// <param name="goesOn">True when it is there already.</param>
    /// <returns>Its name here.</returns>
    /// <exception cref="FerryException">It is not there: <see cref="FerryErrorCode.Incomplete"/>.</exception>
    public byte[] Take(uint user, UInt128 arrival, bool goesOn)
    {
        FerryPath name = string.Create(CultureInfo.InvariantCulture, $"{user}-{arrival:x32}");
        lock (taken)
        {
            Sweep(left => left != name && IsKeyed(left) && !taken.Contains(left));
            if (!goesOn)
            {
                WholeTree.Remove(directory, name.Bytes);
                directory.TryMakeDirectory(name.Bytes, OwnerOnly | Waiting);
            }
            else if (!directory.TryGetStatus(name.Bytes, out FileStatus status) || !IsWaiting(status))
            {
                throw new FerryException(FerryErrorCode.Incomplete, "what had arrived of it is not there any more; send it again");
            }
            taken.Add(name);
        }
        return name.Bytes.ToArray();
    }

    /// <summary>Has a directory change places with the one that it replaces.</summary>
    /// <returns>False where the file system cannot do that.</returns>
    public bool TryReplace(ReadOnlySpan<byte> name, ConfinedDirectory parent, ReadOnlySpan<byte> target)
    {
        bool exchanged = directory.TryExchange(name, parent, target);
        if (exchanged)
        {
            Interlocked.Increment(ref replaced);
        }
        return exchanged;
    }

    /// <summary>Whoever had a directory leaves it for the next connection: from now on it waits. Where that cannot be noted, it waits since something was last made in it.</summary>
    public void Leave(byte[] name)
    {
        try
        {
            using ConfinedDirectory left = directory.OpenDirectory(name);
            // Sets the time of its last change.
            left.SetMode(left.Status.Permissions);
        }
        catch (FerryException)
        {
            // A file system that has become read-only, for example.
        }
        Release(name);
    }

    /// <summary>Whoever had a directory has no more to do with it.</summary>
    public void Release(byte[] name)
    {
        lock (taken)
        {
            taken.Remove(FerryPath.FromBytes(name));
        }
    }

    /// <summary>
    /// Removes directories that did not arrive whole, or were replaced. Something mounted in one of them, for example, keeps it there, and nobody from going on.
    /// </summary>
    /// <param name="isLeft">Whether nobody is at work in one; those of deliveries that may go on stay in any case.</param>
    /// <returns>What could not be removed, and why; null when everything was.</returns>
    public string? Sweep(Predicate<FerryPath> isLeft)
    {
        string? note = null;
        foreach (FerryPath name in directory.ReadNames())
        {
            try
            {
                if (isLeft(name) && !MayGoOn(name))
                {
                    WholeTree.Remove(directory, name.Bytes);
                }
            }
            catch (FerryException e)
            {
                note ??= $"{directory.Path}/{name}, a directory that was replaced or did not arrive whole, could not be removed: {e.Message}";
            }
        }
        return note;
    }

    public void Dispose() => directory.Dispose();

    private bool MayGoOn(FerryPath name) => IsKeyed(name) && directory.TryGetStatus(name.Bytes, out FileStatus status)
        && IsWaiting(status) && status.Changed.Seconds >= (clock.GetUtcNow() - LongestWait).ToUnixTimeSeconds();

    private static bool IsWaiting(in FileStatus status) => status.IsDirectory && (status.Permissions & Waiting) != 0;

    private static bool IsKeyed(FerryPath name) => name.Bytes.Contains((byte)'-');
}
