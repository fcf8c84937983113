using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage;

/// <summary>
/// Who may still write how much (invariant 7): free space, less the reserve, less what accepted files still need.
/// Shared by all deliveries, safe to call from any thread.
/// </summary>
internal sealed class SpaceBudget
{
    private const long LargestDefaultReserve = 64L << 20;
    private const int DefaultReserveParts = 20; // 5 %

    /// <summary>How old a reading of the file system may be: many small files share one, and other programs' writing is still seen.</summary>
    private static readonly TimeSpan ReadingLife = TimeSpan.FromMilliseconds(100);

    private readonly ConfinedDirectory root;
    private readonly TimeProvider clock;
    private readonly Lock gate = new();
    private readonly long? configuredReserve;
    private FileSystemStatus reading;
    private long readAt;
    private long takenSinceReading;
    private long promised;

    public SpaceBudget(ConfinedDirectory root, long? reserve, TimeProvider clock)
    {
        this.root = root;
        this.clock = clock;
        configuredReserve = reserve;
        Read();
    }

    /// <summary>Removes what is kept only as long as nobody needs its space; told how many bytes are missing, true when it removed anything.</summary>
    public Func<long, bool>? MakeRoom { get; init; }

    private long Reserve => configuredReserve ?? Math.Min(LargestDefaultReserve, reading.TotalBytes / DefaultReserveParts);

    /// <summary>Promises space to a file that is accepted, until it is <see cref="Use">used</see> or <see cref="GiveBack">given back</see>.</summary>
    /// <param name="bytes">How much.</param>
    /// <param name="name">For whom, in the error.</param>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.NoSpace"/>.</exception>
    public void Promise(long bytes, FerryPath name)
    {
        if (TryPromise(bytes, out long missing))
        {
            return;
        }
        if (MakeRoom?.Invoke(missing) == true && TryPromise(bytes, out _))
        {
            return;
        }
        lock (gate)
        {
            throw new FerryException(
                FerryErrorCode.NoSpace,
                $"no space for {name}: it needs {bytes} bytes, and {Math.Max(Available, 0)} are free beyond the reserve of {Reserve} "
                + $"and what {promised} bytes of other files in flight need; make room or lower --reserve-free");
        }
    }

    private bool TryPromise(long bytes, out long missing)
    {
        lock (gate)
        {
            if (Available < bytes || clock.GetElapsedTime(readAt) > ReadingLife)
            {
                Read();
            }
            missing = bytes - Available;
            if (missing > 0)
            {
                return false;
            }
            promised += bytes;
            return true;
        }
    }

    /// <summary>Says that promised space is now occupied, so that the file system itself counts it.</summary>
    public void Use(long bytes)
    {
        lock (gate)
        {
            promised -= bytes;
            takenSinceReading += bytes;
        }
    }

    /// <summary>Gives back promised space that will not be used.</summary>
    public void GiveBack(long bytes)
    {
        lock (gate)
        {
            promised -= bytes;
        }
    }

    /// <summary>A file system without a bound, or one that tells none, reports no blocks at all.</summary>
    private long Available => reading.TotalBytes == 0
        ? long.MaxValue
        : reading.AvailableBytes - takenSinceReading - promised - Reserve;

    private void Read()
    {
        reading = root.GetFileSystemStatus();
        readAt = clock.GetTimestamp();
        takenSinceReading = 0;
    }
}
