using Xunit;

namespace Ferry.Tests.Survival.PowerCut;

/// <summary>
/// The power goes while deliveries run. After it every file with a receipt that says durable is there, whole, and every name that was there before holds the
/// old content or the new, whole, whatever its level. Two techniques that have nothing in common: a log of the device, played back without what was not
/// flushed; and pictures of the device, taken in one step by the file system that it lies on.
/// </summary>
[Trait("Category", "EndToEnd")]
public sealed class PowerCutTests
{
    private static readonly string[] FileSystems = ["ext4", "xfs", "btrfs"];
    private static readonly string[] Cloning = ["xfs", "btrfs"];

    public static TheoryData<string> Types => [.. FileSystems];

    public static TheoryData<string, string> Pictures => Prove.Everything
        ? [.. from outer in Cloning from inner in FileSystems select (outer, inner)]
        : [("xfs", "ext4")];

    /// <summary>The calls, the first and the last of them that is left out, and what is sent. One is enough where no other flush covers for it.</summary>
    public static TheoryData<string, string, int, int, string> LeftOut
    {
        get
        {
            (string Type, string Calls, int First, int Last, string Delivery)[] omissions =
            [
                .. from type in Prove.Everything ? FileSystems : ["ext4"]
                   from omission in new[] { ("fsync/file", "few"), ("fsync/directory", "few"), ("syncfs", "deep") }
                   select (type, omission.Item1, 1, int.MaxValue, omission.Item2),
                // ext4 writes by itself what is renamed over another name, so that one flush alone is not missed there.
                ("xfs", "fsync/file", 1, 1, "plain"),
            ];
            return [.. omissions];
        }
    }

    private static Scenario[] Deliveries =>
        Prove.Everything ? [.. Scenario.Chosen] : [Scenario.Mixed, Scenario.Named("deep"), Scenario.Named("plain"), Scenario.Named("received"), Scenario.Named("keyed-resumed")];

    private static int Rounds => Prove.Everything ? 10 : 2;

    private static int States => Prove.Everything ? 400 : 18;

    [Theory]
    [MemberData(nameof(Types))]
    public async Task What_was_acknowledged_outlives_a_power_cut_at_any_moment(string type)
    {
        using var recording = new Recording(type);
        await recording.RecordAsync(Deliveries, Rounds, []);
        Verdict verdict = await recording.JudgeAsync(States, stopAtFirst: false);

        Prove.Note($"power cut, log: {type}: {verdict}");
        Assert.Empty(verdict.Wrong);
        Assert.True(verdict.Acknowledged > States, $"little was acknowledged: {verdict}");
    }

    /// <summary>The proof of the proof: without one kind of flush it fails. The call is left out on its way to the kernel; the server is as it is.</summary>
    [Theory]
    [MemberData(nameof(LeftOut))]
    public async Task A_server_whose_flushes_are_left_out_is_found_out(string type, string calls, int first, int last, string delivery)
    {
        using var recording = new Recording(type);
        using var injection = new Injection(calls, first, last, "skip");
        await recording.RecordAsync([Scenario.Named(delivery)], 2, injection.Wrapper);
        Verdict verdict = await recording.JudgeAsync(300, stopAtFirst: true);

        Prove.Note($"power cut, log, {(first == last ? $"number {first} of " : "")}{calls} left out: {type}, {delivery}: {verdict}");
        Assert.NotNull(injection.Met);
        Assert.NotEmpty(verdict.Wrong);
    }

    [Theory]
    [MemberData(nameof(Pictures))]
    public async Task What_was_acknowledged_is_in_every_picture_of_the_device(string outer, string inner)
    {
        using var pictures = new Pictures(outer, inner);
        Verdict verdict = await pictures.TakeAsync(Deliveries, Rounds, TimeSpan.FromMilliseconds(Prove.Everything ? 200 : 1000));

        Prove.Note($"power cut, pictures: {inner} in {outer}: {verdict}");
        Assert.Empty(verdict.Wrong);
        Assert.True(verdict.Acknowledged > 0, $"nothing was acknowledged: {verdict}");
    }
}

/// <param name="States">Crash states judged.</param>
/// <param name="Acknowledged">Acknowledgements held against them.</param>
/// <param name="Wrong">What was wrong, and in which.</param>
/// <param name="Source">Of what they were made.</param>
internal sealed record Verdict(int States, long Acknowledged, List<string> Wrong, string Source)
{
    /// <summary>Commands that were given again after some of them.</summary>
    public int Commands { get; init; }

    /// <summary>Receipts of those for what had been there already.</summary>
    public int GoneOn { get; init; }

    public override string ToString() =>
        $"{States} crash states from {Source}, {Acknowledged} acknowledgements held against them, {(Commands == 0 ? "" : $"{Commands} commands given again with {GoneOn} receipts of what was there, ")}{Wrong.Count} violations{string.Concat(Wrong.Take(5).Select(wrong => $"\n    {wrong}"))}";
}
