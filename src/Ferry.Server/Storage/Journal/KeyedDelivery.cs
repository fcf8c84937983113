using Ferry.Files;
using Ferry.Wire;

namespace Ferry.Server.Storage.Journal;

/// <summary>What a delivery with a key needs of its connection.</summary>
internal interface IKeyedConnection
{
    /// <summary>True when the peer is gone, or the connection was given up.</summary>
    bool HasHungUp { get; }

    /// <summary>Gives the connection up.</summary>
    Task GiveUpAsync();
}

/// <summary>
/// A delivery that the sender gave a key, on one connection: what was stored on earlier ones is known, and what is stored now is written down for later ones.
/// Any thread may use it.
/// </summary>
internal sealed class KeyedDelivery : IDisposable
{
    private readonly Journals journals;
    private readonly UserJournal journal;
    private readonly TaskCompletionSource ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private static long connections;

    /// <summary>Stands in the journal for this connection.</summary>
    private readonly long mark = Interlocked.Increment(ref connections);

    /// <summary>False when nothing of it was stored on earlier connections.</summary>
    private readonly bool hasEarlier;

    internal KeyedDelivery(Journals journals, uint user, UInt128 delivery, UserJournal journal, IKeyedConnection connection)
    {
        this.journals = journals;
        this.journal = journal;
        User = user;
        Delivery = delivery;
        Connection = connection;
        hasEarlier = journal.MayKnow(delivery);
    }

    public uint User { get; }

    public UInt128 Delivery { get; }

    public IKeyedConnection Connection { get; }

    /// <summary>Ends when everything of it is settled.</summary>
    public Task Ended => ended.Task;

    /// <summary>The directories that it has made on earlier connections and not ended.</summary>
    public IEnumerable<DirectoryIdentity> MadeEarlier => journal.MadeBy(Delivery);

    /// <summary>Which arrival an offer is; null when the sender gave it no number.</summary>
    public UInt128? IdOf(in Offer offer) => offer.Source is { } source ? ArrivalId.Of(Delivery, source, offer.Name) : null;

    /// <summary>The number under which a directory waits that arrives whole, on this connection and on later ones.</summary>
    public UInt128 TreeOf(in Offer offer) => ArrivalId.OfTree(Delivery, offer.Source!.Value, offer.Name);

    /// <summary>The receipt that an offer got on an earlier connection; null when it is to be stored.</summary>
    /// <param name="id">Which arrival the offer is; null when the sender gave it no number.</param>
    /// <param name="offer">The offer.</param>
    /// <param name="algorithm">The connection's hash: one by another cannot be said.</param>
    /// <param name="asked">The level that a file stored now would get.</param>
    public Receipt? Find(UInt128? id, in Offer offer, string algorithm, Durability asked)
    {
        if (!hasEarlier || (offer.Kind != EntryKind.File && !offer.Atomic) || id is not { } arrival || journal.FindDone(arrival, mark) is not { } found)
        {
            return null;
        }
        Receipt receipt = found.Intent.Receipt!;
        if (found.Intent.Name != offer.Name || found.Intent.Source != offer.Source
            || (offer.Size is { } size && size != found.Intent.Size.GetValueOrDefault(receipt.Size))
            || (offer.Metadata.Modified is { } modified && modified != found.Intent.Modified)
            || receipt.Level < asked)
        {
            return null;
        }
        bool speaksHash = receipt.Hash?.StartsWith(algorithm + ":", StringComparison.Ordinal) == true;
        return receipt with
        {
            Name = found.StoredAs,
            Kind = offer.Kind,
            Hash = speaksHash ? receipt.Hash : null,
            Checked = speaksHash ? receipt.Checked : HashCheck.None,
            Replayed = true,
        };
    }

    /// <summary>What is to be written down before a file or a directory is published.</summary>
    /// <param name="id">Which arrival it is.</param>
    /// <param name="offer">As it was offered.</param>
    /// <param name="receipt">The receipt that it gets when it is published, with the level.</param>
    /// <param name="staged">Where it waits.</param>
    public JournalRecord IntentOf(UInt128 id, in Offer offer, Receipt receipt, in StagedIdentity staged) => new()
    {
        Event = JournalEvent.Intent,
        Ids = [id],
        At = journal.Now,
        Name = offer.Name,
        Source = offer.Source,
        Size = offer.Size,
        Modified = offer.Metadata.Modified,
        Receipt = receipt,
        Staged = staged,
    };

    /// <inheritdoc cref="UserJournal.Intend"/>
    public void Intend(IReadOnlyList<JournalRecord> intents, bool flush) => journal.Intend(intents, flush);

    /// <inheritdoc cref="UserJournal.TrySettle"/>
    public bool TrySettle(IReadOnlyList<(JournalRecord Intent, FerryPath? StoredAs)> settled) => journal.TrySettle(settled, mark);

    /// <summary>A directory is about to be made.</summary>
    public void Making(FerryPath path) => journal.Write(JournalEvent.Making, Delivery, path);

    /// <summary>It was not.</summary>
    public void NotMade(FerryPath path) => journal.Write(JournalEvent.Ended, Delivery, path);

    /// <summary>A directory was made.</summary>
    public void Made(ConfinedDirectory directory) => journal.Write(JournalEvent.Made, Delivery, directory.Path, DirectoryIdentity.Of(directory));

    /// <summary>A directory has its mode and time.</summary>
    public void EndedDirectory(ConfinedDirectory directory) => journal.Write(JournalEvent.Ended, Delivery, directory.Path, DirectoryIdentity.Of(directory));

    public void Dispose()
    {
        journals.End(this);
        ended.TrySetResult();
    }
}
