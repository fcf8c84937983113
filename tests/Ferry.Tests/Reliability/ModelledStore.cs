using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Tests.Support;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Tests.Reliability;

/// <summary>A real store and its model, driven by the same steps. What differs is an exception.</summary>
internal sealed class ModelledStore : IDisposable
{
    private const int Deliveries = 2;

    private static readonly string[] Names = ["a", "b", "d", "d/a", "d/b", "d/e/a", "a/b"];

    private readonly TestDirectory directory = new();
    private readonly StoreModel model;
    private readonly ModelledKeys keys;
    private readonly ModelledParts parts;
    private readonly FerryServerOptions options;
    private readonly List<Delivery> deliveries = [];
    private readonly List<FileUnderWay> underWay = [];
    private readonly byte[] buffer = new byte[2 * ModelledParts.LeastSize];
    private Store store = null!;
    private (string Name, byte[] Content) last = ("a", []);
    private byte contents;

    public ModelledStore(ExistingFiles existing)
    {
        model = new StoreModel(existing);
        keys = new ModelledKeys(model);
        parts = new ModelledParts(model);
        options = new FerryServerOptions { Root = directory.Path, Address = "unused", Existing = existing };
        Start();
    }

    /// <summary>Takes one step with both and compares.</summary>
    public void Take(ModelStep step)
    {
        switch (step.Action)
        {
            case ModelAction.Begin:
                Begin(step.Delivery, Names[step.Which], NewContent(step.Size), step.SizeKnown);
                break;
            case ModelAction.Fill when Chosen(step) is { } file:
                file.Fill();
                break;
            case ModelAction.Commit when Chosen(step) is { } file:
                Commit(file);
                break;
            case ModelAction.CommitBatch or ModelAction.CommitGroup:
                CommitAll(step.Delivery, together: step.Action == ModelAction.CommitGroup);
                break;
            case ModelAction.Abandon when Chosen(step) is { } file:
                file.Incoming.Dispose();
                underWay.Remove(file);
                break;
            case ModelAction.Retry when Begin(step.Delivery, last.Name, last.Content, step.SizeKnown) is { } file:
                file.Fill();
                Commit(file);
                break;
            case ModelAction.MakeDirectory:
                Same(model.MakeDirectory(Names[step.Which]), RefusalOf(() => deliveries[step.Delivery].CreateDirectory(Names[step.Which])), "a directory");
                break;
            case ModelAction.EndDelivery:
                deliveries[step.Delivery].Dispose();
                underWay.RemoveAll(file => file.Owner == deliveries[step.Delivery]);
                deliveries[step.Delivery] = store.BeginDelivery();
                break;
            case ModelAction.Crash:
                Crash();
                break;
            case ModelAction.Deliver or ModelAction.DieBeforePublishing or ModelAction.DieAfterPublishing:
                if (keys.Deliver(store, step.Delivery, Names[step.Which], NewContent(step.Size), step.Action))
                {
                    Crash();
                }
                break;
            case ModelAction.DeliverAgain:
                keys.DeliverAgain(store);
                break;
            case ModelAction.DeliverTree or ModelAction.DeliverPartOfTree or ModelAction.DieInTree:
                if (ModelledTrees.Deliver(store, model, Names[step.Which], NewContent(step.Size), step.Action))
                {
                    Crash();
                }
                break;
            case ModelAction.BreakInPart or ModelAction.DieInPart or ModelAction.FinishPart:
                if (parts.Deliver(store, Names[step.Which], step.SizeKnown ? null : NewContent(ModelledParts.LeastSize + step.Size), step.Action))
                {
                    Crash();
                }
                break;
            case ModelAction.TakeAway when model.TakeAway(Names[step.Which]):
                File.Delete(directory[Names[step.Which]]);
                break;
        }
        Compare();
    }

    public void Dispose()
    {
        foreach (Delivery delivery in deliveries)
        {
            delivery.Dispose();
        }
        store.Dispose();
        directory.Dispose();
    }

    private void Start()
    {
        store = Store.Open(options);
        for (int i = 0; i < Deliveries; i++)
        {
            deliveries.Add(store.BeginDelivery());
        }
    }

    /// <summary>As much as a death leaves: the lock is free, and nobody has tidied up.</summary>
    private void Crash()
    {
        store.Dispose();
        underWay.Clear();
        deliveries.Clear();
        Start();
    }

    private FileUnderWay? Chosen(ModelStep step) => underWay.Count == 0 ? null : underWay[step.Which % underWay.Count];

    /// <summary>Content that no other file has.</summary>
    private byte[] NewContent(int size)
    {
        byte[] content = new byte[size + 1];
        Array.Fill(content, ++contents);
        return content;
    }

    private FileUnderWay? Begin(int delivery, string name, byte[] content, bool sizeKnown)
    {
        last = (name, content);
        IncomingFile? file = null;
        FerryErrorCode? refusal = RefusalOf(() => file = deliveries[delivery].CreateFile(name, new FileExpectation(sizeKnown ? content.Length : null, default, Durability.Durable)));
        Same(model.Offer(name), refusal, $"an offer of {name}");
        if (file is null)
        {
            return null;
        }
        underWay.Add(new FileUnderWay(file, deliveries[delivery], name, content, sizeKnown));
        return underWay[^1];
    }

    private void Commit(FileUnderWay file)
    {
        string? stored = null;
        FerryErrorCode? refusal = RefusalOf(() => stored = file.Incoming.Commit().Name.ToString());
        file.Incoming.Dispose();
        Ended(file, stored, refusal);
    }

    private void CommitAll(int number, bool together)
    {
        Delivery delivery = deliveries[number];
        var batch = new CommitBatch(closesAtOnce: together);
        foreach (FileUnderWay file in underWay.FindAll(file => file.Owner == delivery))
        {
            if (RefusalOf(() => file.Incoming.Complete(delivery)) is { } refusal)
            {
                file.Incoming.Dispose();
                Ended(file, null, refusal);
                continue;
            }
            batch.Add(file.Incoming, (incoming, failure) => Ended(file, failure is null ? incoming.StoredAs.ToString() : null, failure?.Code));
        }
        if (together)
        {
            store.Commits.CommitAsync(batch).GetAwaiter().GetResult();
        }
        else
        {
            batch.CommitAlone(delivery.Directories, delivery.Links);
        }
        batch.Answer(null);
    }

    private void Ended(FileUnderWay file, string? stored, FerryErrorCode? refusal)
    {
        underWay.Remove(file);
        (string? Stored, FerryErrorCode? Refusal) expected = file.IsCutShort ? (null, FerryErrorCode.SizeMismatch) : model.Publish(file.Name, file.Content);
        Same(expected, (stored, refusal), $"the end of {file.Name}");
    }

    private void Compare()
    {
        SortedDictionary<string, string> visible = new(StringComparer.Ordinal);
        foreach (string path in Directory.EnumerateFileSystemEntries(directory.Path, "*", SearchOption.AllDirectories))
        {
            string name = Path.GetRelativePath(directory.Path, path);
            if (name != ".ferry" && !name.StartsWith(".ferry/", StringComparison.Ordinal))
            {
                visible.Add(name, Directory.Exists(path) ? "directory" : Shown(Read(path)));
            }
        }
        Same(string.Join(", ", model.Visible.Select(entry => $"{entry.Key}: {(entry.Value is null ? "directory" : Shown(entry.Value))}")), string.Join(", ", visible.Select(entry => $"{entry.Key}: {entry.Value}")), "what is visible");
        Same(underWay.Count, Directory.EnumerateFiles(directory[".ferry/incoming"], "*", SearchOption.AllDirectories).Count(), "the number of staged files");
        Same(2 * parts.Kept, Directory.EnumerateFiles(directory[".ferry/partials"], "*", SearchOption.AllDirectories).Count(), "the number of parts that wait, and of their records");
        Same(0, Directory.EnumerateFileSystemEntries(directory[".ferry/trees"]).Count(), "the number of directories that wait or were replaced");
    }

    /// <summary>Into memory that was used before: the longest are many, and fresh memory is dear.</summary>
    private ReadOnlySpan<byte> Read(string path)
    {
        using SafeFileHandle file = File.OpenHandle(path);
        return buffer.AsSpan(0, RandomAccess.Read(file, buffer, 0));
    }

    private static string Shown(ReadOnlySpan<byte> content) =>
        content.Length > 0 && !content.ContainsAnyExcept(content[0]) ? $"{content.Length} of content {content[0]}"
        : $"{content.Length} mixed";

    public static FerryErrorCode? RefusalOf(Action action)
    {
        try
        {
            action();
            return null;
        }
        catch (FerryException e)
        {
            return e.Code;
        }
    }

    public static void Same<T>(T expected, T actual, string what)
    {
        if (!EqualityComparer<T>.Default.Equals(expected, actual))
        {
            throw new InvalidOperationException($"{what}: the model says {expected}, the store {actual}");
        }
    }

    /// <summary>A file whose first half has come.</summary>
    private sealed class FileUnderWay
    {
        private readonly byte[] whole;
        private readonly bool sizeKnown;
        private int come;

        public FileUnderWay(IncomingFile incoming, Delivery owner, string name, byte[] whole, bool sizeKnown)
        {
            (Incoming, Owner, Name) = (incoming, owner, name);
            (this.whole, this.sizeKnown) = (whole, sizeKnown);
            Write(whole.Length / 2);
        }

        public IncomingFile Incoming { get; }

        public Delivery Owner { get; }

        public string Name { get; }

        public byte[] Content => whole[..come];

        public bool IsCutShort => sizeKnown && come < whole.Length;

        public void Fill() => Write(whole.Length - come);

        private void Write(int count)
        {
            Incoming.Write(whole.AsSpan(come, count));
            come += count;
        }
    }
}
