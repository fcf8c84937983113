using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>
/// Deliveries onto a file system whose image lies in another one that can clone. The loop device writes past the page cache, so a clone of the image is
/// in one step what had reached the device at that moment.
/// </summary>
internal sealed class Pictures : IDisposable
{
    private const int OuterSize = 8;

    private readonly TestDirectory directory = new();
    private readonly Mounts outer;
    private readonly string inner;
    private long taken;

    public Pictures(string outer, string inner)
    {
        this.inner = inner;
        Needs.Mounting();
        Needs.Program($"mkfs.{outer}");
        using (FileStream file = File.Create(directory["outer"]))
        {
            file.SetLength((long)OuterSize << 30);
        }
        Tool.Run($"mkfs.{outer}", "-q", directory["outer"]);
        this.outer = new Mounts(outer, directory["outer"], directory["around"]);
        Mounts.MakeImage(inner, this.outer.Path + "/image");
    }

    /// <summary>Takes pictures at random moments while deliveries run, at most a pause apart, and judges them afterwards.</summary>
    public async Task<Verdict> TakeAsync(Scenario[] scenarios, int rounds, TimeSpan pause)
    {
        string image = outer.Path + "/image";
        Traffic traffic;
        using (var mounted = new Mounts(inner, image, directory["mount"], "--direct-io=on"))
        {
            Assert.Equal("1", Tool.Run("losetup", "--noheadings", "--output", "DIO", mounted.Device).Trim());
            // A receipt with the number N was there before picture N was begun.
            traffic = new Traffic(mounted.Path, () => Interlocked.Read(ref taken) + 1);
            traffic.Prepare(scenarios);
            Task delivering = traffic.RunAsync(scenarios, rounds, []);
            var random = new Random(1);
            while (!delivering.IsCompleted)
            {
                await Task.WhenAny(delivering, Task.Delay(pause * random.NextDouble()));
                long number = Interlocked.Increment(ref taken);
                Tool.Run("cp", "--reflink=always", image, $"{image}-{number}");
            }
            await delivering;
        }
        using (traffic)
        {
            return Judge(traffic.Ledger, image);
        }
    }

    public void Dispose()
    {
        outer.Dispose();
        directory.Dispose();
    }

    private Verdict Judge(Ledger ledger, string image)
    {
        List<string> wrong = [];
        long acknowledged = 0;
        for (long number = 1; number <= taken; number++)
        {
            using var mounted = new Mounts(inner, $"{image}-{number}", directory["crash"]);
            wrong.AddRange(ledger.Judge(Path.Combine(mounted.Path, "root"), number, out int held).Select(what => $"picture {number}: {what}"));
            acknowledged += held;
        }
        return new Verdict((int)taken, acknowledged, wrong, "clones of the image");
    }
}
