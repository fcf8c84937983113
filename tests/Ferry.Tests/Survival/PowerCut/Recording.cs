using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>Deliveries onto a file system whose device is logged, and the judgement on the states that a power cut could have left.</summary>
internal sealed class Recording : IDisposable
{
    private readonly TestDirectory directory = new();
    private readonly string type;
    private readonly LoggedImage image;
    private Traffic? traffic;
    private int began;

    public Recording(string type)
    {
        this.type = type;
        Needs.Mounting();
        Needs.That(File.Exists("/dev/fuse"), "/dev/fuse");
        Mounts.MakeImage(type, directory["image"]);
        Tool.Run("cp", "--sparse=always", directory["image"], directory["before"]);
        image = new LoggedImage(directory["image"], directory["fuse"]);
    }

    /// <summary>Runs the deliveries, and takes the power away from the file system.</summary>
    public async Task RecordAsync(Scenario[] scenarios, int rounds, string[] wrapper)
    {
        using var mounted = new Mounts(type, image.Path, directory["mount"]);
        traffic = new Traffic(mounted.Path, () => image.Log.Position);
        traffic.Prepare(scenarios);
        began = image.Log.Position;
        await traffic.RunAsync(scenarios, rounds, wrapper);
        Log = image.Log.ToArray();
        Assert.Null(image.Failure);
    }

    private LoggedWrite[] Log { get; set; } = [];

    /// <summary>
    /// Half of the cuts are at the moments of receipts, where most can be wrong, the others anywhere. After every fourth of them deliveries go on.
    /// </summary>
    public async Task<Verdict> JudgeAsync(int count, bool stopAtFirst)
    {
        var random = new Random(1);
        int[] atReceipts = [.. traffic!.Ledger.Moments().Where(moment => moment >= began && moment <= Log.Length).Select(moment => (int)moment).Distinct().Order()];
        int[] cuts = [.. Enumerable.Range(0, count)
            .Select(i => i % 2 == 0 && atReceipts.Length > 0 ? atReceipts[random.Next(atReceipts.Length)] : random.Next(began, Log.Length + 1))
            .Order()];
        using var states = new CrashStates(directory["before"], Log, directory["crashed"]);
        List<string> wrong = [];
        long acknowledged = 0;
        int judged = 0, commands = 0, goneOn = 0;
        foreach ((int at, int cut) in cuts.Index())
        {
            // The cuts are sorted, so that this deals the fates evenly over them.
            Unflushed fate = (Unflushed)(at % 3);
            states.Make(cut, fate, random);
            using var mounted = new Mounts(type, directory["crashed"], directory["crash"]);
            string root = Path.Combine(mounted.Path, "root");
            List<string> found = traffic.Ledger.Judge(root, cut, out int held);
            acknowledged += held;
            judged++;
            if (at % 4 == 3)
            {
                (List<string> afterwards, int given, int known) = await traffic.GoOnAsync(root, cut);
                found.AddRange(afterwards);
                (commands, goneOn) = (commands + given, goneOn + known);
            }
            wrong.AddRange(found.Select(what => $"cut at {cut}, unflushed {fate}: {what}"));
            if (stopAtFirst && wrong.Count > 0)
            {
                break;
            }
        }
        return new Verdict(judged, acknowledged, wrong, $"{Log.Count(write => !write.IsFlush)} writes and {Log.Count(write => write.IsFlush)} flushes")
        {
            Commands = commands,
            GoneOn = goneOn,
        };
    }

    public void Dispose()
    {
        traffic?.Dispose();
        image.Dispose();
        directory.Dispose();
    }
}
