using CsCheck;
using Ferry.Server;
using Xunit;

namespace Ferry.Tests.Reliability;

/// <summary>Random deliveries, crashes and retries into a real store: after every step is visible just what a plain model says, and staged just what is under way.</summary>
public sealed class ModelTests
{
    private const int Iterations = 400;
    private const int FullIterations = 4_000;

    private static readonly Gen<ModelStep> Step = Gen.Select(
        Gen.Frequency(
            (6, Gen.Const(ModelAction.Begin)), (4, Gen.Const(ModelAction.Fill)), (4, Gen.Const(ModelAction.Commit)), (2, Gen.Const(ModelAction.CommitBatch)),
            (2, Gen.Const(ModelAction.CommitGroup)), (1, Gen.Const(ModelAction.Abandon)), (3, Gen.Const(ModelAction.Retry)), (2, Gen.Const(ModelAction.MakeDirectory)),
            (1, Gen.Const(ModelAction.EndDelivery)), (3, Gen.Const(ModelAction.Deliver)), (1, Gen.Const(ModelAction.DieBeforePublishing)),
            (1, Gen.Const(ModelAction.DieAfterPublishing)), (3, Gen.Const(ModelAction.DeliverAgain)), (3, Gen.Const(ModelAction.DeliverTree)),
            (1, Gen.Const(ModelAction.DeliverPartOfTree)), (1, Gen.Const(ModelAction.DieInTree)), (1, Gen.Const(ModelAction.BreakInPart)),
            (1, Gen.Const(ModelAction.DieInPart)), (1, Gen.Const(ModelAction.FinishPart)), (1, Gen.Const(ModelAction.Crash)), (1, Gen.Const(ModelAction.TakeAway))),
        Gen.Int[0, 1],
        Gen.Int[0, 6],
        Gen.OneOf(Gen.Const(0), Gen.Const(1), Gen.Const(1000), Gen.Const(70_000)),
        Gen.Bool,
        (action, delivery, which, size, sizeKnown) => new ModelStep(action, delivery, which, size, sizeKnown));

    [Theory]
    [InlineData(ExistingFiles.Replace)]
    [InlineData(ExistingFiles.Keep)]
    [InlineData(ExistingFiles.Refuse)]
    [InlineData(ExistingFiles.Number)]
    public void What_is_visible_is_what_a_plain_model_says(ExistingFiles existing) => Step.Array[1, 30].Sample(
        steps =>
        {
            using var store = new ModelledStore(existing);
            foreach (ModelStep step in steps)
            {
                store.Take(step);
            }
        },
        iter: Support.ProofSize.IsFull ? FullIterations : Iterations,
        threads: 2);
}
