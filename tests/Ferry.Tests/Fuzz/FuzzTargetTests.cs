using Ferry.Fuzz;
using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Fuzz;

/// <summary>
/// What tests/fuzz found worth keeping, and some damage to it that is the same each time. An exception is a finding. Alone, because
/// what an input makes a target allocate is counted over the whole process.
/// </summary>
[Collection(Alone.Name)]
public sealed class FuzzTargetTests
{
    private const int MutationsEach = 1_000;

    /// <summary>A second on a quiet machine is a finding; this one may be busy.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);

    public static TheoryData<string> Names => [.. FuzzTargets.All.Keys];

    [Theory, MemberData(nameof(Names))]
    public async Task Every_input_of_the_corpus_is_taken_as_documented(string name)
    {
        using FuzzTarget target = FuzzTargets.All[name]();
        (string, byte[])[] inputs = Inputs(name, target);
        foreach ((string file, byte[] bytes) in inputs)
        {
            await TakeAsync(target, bytes, file);
        }
    }

    [Theory, MemberData(nameof(Names))]
    public async Task Damaged_inputs_are_taken_as_documented(string name)
    {
        using FuzzTarget target = FuzzTargets.All[name]();
        (string, byte[])[] inputs = Inputs(name, target);
        var damage = new Damage(seed: 1);
        for (int i = 0; i < MutationsEach; i++)
        {
            (string file, byte[] bytes) = inputs[i % inputs.Length];
            await TakeAsync(target, damage.Apply(bytes), $"mutation {i} of {file}");
        }
    }

    private static (string Name, byte[] Bytes)[] Inputs(string name, FuzzTarget target)
    {
        string[] files = Directory.GetFiles(Repository.PathOf("tests", "Fuzz", "corpus", name));
        Assert.InRange(files.Length, 1, 60);
        return [.. files.Order(StringComparer.Ordinal).Select(file => (file, File.ReadAllBytes(file))), .. target.Seeds()];
    }

    private static async Task TakeAsync(FuzzTarget target, byte[] bytes, string what)
    {
        try
        {
            await Task.Run(() => target.Run(bytes)).WaitAsync(Patience);
        }
        catch (Exception e)
        {
            throw new InvalidOperationException($"{what}: {e.Message}; the input is {Convert.ToHexString(bytes)}", e);
        }
    }
}
