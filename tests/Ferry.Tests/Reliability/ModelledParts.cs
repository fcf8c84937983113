using Ferry.Files;
using Ferry.Fuzz;
using Ferry.Server.Storage;

namespace Ferry.Tests.Reliability;

/// <summary>
/// Files of which a part is kept, into a real store, and what a plain dictionary knows of them: what came before a connection broke or the server died is there
/// when the same content is offered again, and nothing of it is used for other content.
/// </summary>
internal sealed class ModelledParts(StoreModel model)
{
    private const uint User = 1000;

    /// <summary>What is offered is a little shorter, as long, or longer than what leaves a part that is just worth keeping.</summary>
    public const int LeastSize = 2 * (int)PartialFile.LeastKept - 2;

    private readonly Dictionary<string, (byte[] Content, int Length)> kept = [];
    private readonly Dictionary<string, byte[]> last = [];

    /// <summary>Parts that wait for their sender.</summary>
    public int Kept => kept.Count;

    /// <summary>Offers new content, or what was offered last under that name, and goes on with it as far as the action says: half of what is missing, or all.</summary>
    /// <param name="store">The store.</param>
    /// <param name="name">Under which name.</param>
    /// <param name="fresh">The new content; null for the last.</param>
    /// <param name="action">How it goes on.</param>
    /// <returns>True when the server is dead by then.</returns>
    public bool Deliver(Store store, string name, byte[]? fresh, ModelAction action)
    {
        if ((fresh ?? last.GetValueOrDefault(name)) is not { } content)
        {
            return false;
        }
        last[name] = content;
        Delivery delivery = store.BeginDelivery();
        var expected = new FileExpectation(content.Length, default, Durability.Durable) { Algorithm = ContentHash.XxHash };
        StoredName place = default;
        FerryErrorCode? refusal = ModelledStore.RefusalOf(() => place = delivery.Check(name, expected));
        ModelledStore.Same(model.Offer(name), refusal, $"an offer of {name}, of which a part may be there");
        bool died = false;
        if (refusal is null)
        {
            Upload upload = store.Partials.TryClaim(User, name, new GoneHolder(), out _)!;
            IncomingFile file = delivery.CreateFile(place, expected, store.Partials.Open(upload));
            died = Arrive(delivery, file, name, content, action);
        }
        if (!died)
        {
            delivery.Dispose();
        }
        return died;
    }

    private bool Arrive(Delivery delivery, IncomingFile file, string name, byte[] content, ModelAction action)
    {
        (int from, ContentHash hash) = GoOn(file, name, content);
        int end = action == ModelAction.FinishPart ? content.Length : from + (content.Length - from) / 2;
        file.Write(content.AsSpan(from..end));
        hash.Append(content.AsSpan(from..end));
        kept.Remove(name);
        if (action == ModelAction.FinishPart)
        {
            hash.Dispose();
            string? stored = null;
            FerryErrorCode? refusal = ModelledStore.RefusalOf(() => stored = file.Commit().Name.ToString());
            file.Dispose();
            ModelledStore.Same(model.Publish(name, content), (stored, refusal), $"the end of {name}, of which a part was there");
            return false;
        }
        if (end >= PartialFile.LeastKept)
        {
            kept[name] = (content, end);
        }
        if (action == ModelAction.DieInPart)
        {
            hash.Dispose();
            file.Leave();
            return true;
        }
        file.Park(hash);
        return false;
    }

    /// <summary>From where content comes, as the two sides would settle it.</summary>
    private (int From, ContentHash Hash) GoOn(IncomingFile file, string name, byte[] content)
    {
        (byte[] Content, int Length) part = kept.GetValueOrDefault(name, ([], 0));
        ModelledStore.Same(part.Length, (int)file.HeldLength, $"how much of {name} is there");
        if (part.Length == 0)
        {
            return (0, ContentHash.Create(ContentHash.XxHash));
        }
        file.FlushHeld();
        ContentHash hash = file.TakeHeldHash(CancellationToken.None);
        bool isSame = hash.Current().AsSpan().SequenceEqual(ContentHash.Of(ContentHash.XxHash, content.AsSpan(..part.Length)));
        ModelledStore.Same(part.Content == content, isSame, $"whether what is there of {name} is how it begins");
        if (isSame)
        {
            return (part.Length, hash);
        }
        hash.Dispose();
        file.BeginAnew();
        return (0, ContentHash.Create(ContentHash.XxHash));
    }
}
