namespace Ferry.Tests.Reliability;

/// <summary>What can happen to a store.</summary>
public enum ModelAction
{
    /// <summary>A file is offered, and half of its content comes.</summary>
    Begin,

    /// <summary>The rest comes.</summary>
    Fill,

    /// <summary>A file ends, complete or not.</summary>
    Commit,

    /// <summary>All files of a delivery end together, each flushed by itself.</summary>
    CommitBatch,

    /// <summary>All files of a delivery end together, in one group.</summary>
    CommitGroup,

    /// <summary>The sender gives a file up.</summary>
    Abandon,

    /// <summary>What was offered last is offered again and ends.</summary>
    Retry,

    MakeDirectory,

    /// <summary>A connection ends, with whatever is under way in it.</summary>
    EndDelivery,

    /// <summary>The server dies and another starts.</summary>
    Crash,

    /// <summary>A delivery with a key offers something new, all of it comes, and it is stored.</summary>
    Deliver,

    /// <summary>The same, and the server dies when it has written down that it is about to publish it.</summary>
    DieBeforePublishing,

    /// <summary>The same, and the server dies when it has published it and has written nothing down of that.</summary>
    DieAfterPublishing,

    /// <summary>What was offered last in a delivery with a key is offered again on another connection.</summary>
    DeliverAgain,

    /// <summary>A directory that is to arrive whole is offered, all of it comes, and it is stored.</summary>
    DeliverTree,

    /// <summary>The same, and something in it is refused.</summary>
    DeliverPartOfTree,

    /// <summary>The same, and the server dies when everything in it is there.</summary>
    DieInTree,

    /// <summary>A file of which a part is kept is offered, half of what is missing comes, and the connection breaks.</summary>
    BreakInPart,

    /// <summary>The same, and the server dies.</summary>
    DieInPart,

    /// <summary>The same, but all of it comes, and it is stored.</summary>
    FinishPart,

    /// <summary>Somebody takes a file away.</summary>
    TakeAway,
}

/// <summary>One step; what a number means depends on the action, and every number means something.</summary>
/// <param name="Action">What happens.</param>
/// <param name="Delivery">To which of the deliveries.</param>
/// <param name="Which">To which name, or which file of those under way.</param>
/// <param name="Size">Bytes of content.</param>
/// <param name="SizeKnown">Whether the size was announced; of a file of which a part is kept, whether it is what was offered last.</param>
public sealed record ModelStep(ModelAction Action, int Delivery, int Which, int Size, bool SizeKnown);
