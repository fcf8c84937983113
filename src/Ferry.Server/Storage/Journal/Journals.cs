using System.Globalization;
using Ferry.Files;
using Ferry.Native;

namespace Ferry.Server.Storage.Journal;

/// <summary>
/// The journals of all users, in <c>.ferry/journal</c>: one file for each, named by the user's number. A journal is in memory while a delivery of its user with
/// a key is connected, and the one that was used last stays there, because reading one takes longer than storing a file.
/// </summary>
internal sealed class Journals : IDisposable
{
    private readonly ConfinedDirectory directory, root;

    /// <summary>Never begun anew: what is not settled may have been hit by any flush that has failed since the start, and is then not taken for published.</summary>
    private readonly DirectoryLinks links;
    private readonly UInt128 boot;
    private readonly TimeProvider time;
    private readonly Dictionary<uint, (UserJournal Journal, int Users)> open = [];
    private readonly Dictionary<(uint User, UInt128 Delivery), KeyedDelivery> live = [];
    private readonly Lock gate = new();
    private uint lastUser;

    private Journals(ConfinedDirectory directory, ConfinedDirectory root, FileSystemFlusher flusher, UInt128 boot, TimeProvider time)
    {
        links = new DirectoryLinks(root, flusher);
        this.boot = boot;
        this.directory = directory;
        this.root = root;
        this.time = time;
    }

    /// <summary>Settles what a dead server left unsettled, before staging is swept, and removes what is too old.</summary>
    /// <param name="directory">Where the journals are; owned from now on.</param>
    /// <param name="root">The served directory.</param>
    /// <param name="flusher">Flushes its directories.</param>
    /// <param name="time">For ages.</param>
    /// <param name="boot">This run of the machine; null for the kernel's word.</param>
    public static Journals Open(ConfinedDirectory directory, ConfinedDirectory root, FileSystemFlusher flusher, TimeProvider time, UInt128? boot = null)
    {
        var journals = new Journals(directory, root, flusher, boot ?? BootIdentity.Read(), time);
        foreach (FerryPath name in directory.ReadNames())
        {
            try
            {
                journals.Recover(name);
            }
            catch (FerryException)
            {
                // At worst nothing of this user's is replayed; that must not keep everybody from being served.
                journals.Discard(name);
            }
        }
        return journals;
    }

    /// <summary>
    /// Begins a delivery with a key. An older connection with the same key is given up when its peer has hung up, and its last files are waited for.
    /// </summary>
    /// <param name="user">Whose delivery it is.</param>
    /// <param name="key">The key that the peer gave.</param>
    /// <param name="connection">The connection.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    /// <exception cref="FerryException"><see cref="FerryErrorCode.Busy"/> when the older one lives, or that the journal cannot be used.</exception>
    public async Task<KeyedDelivery> BeginAsync(uint user, byte[] key, IKeyedConnection connection, CancellationToken cancellationToken)
    {
        UInt128 delivery = ArrivalId.OfDelivery(key);
        while (true)
        {
            KeyedDelivery? older;
            lock (gate)
            {
                if (!live.TryGetValue((user, delivery), out older))
                {
                    var begun = new KeyedDelivery(this, user, delivery, Take(user), connection);
                    live.Add((user, delivery), begun);
                    return begun;
                }
            }
            if (!older.Connection.HasHungUp)
            {
                throw new FerryConnectionException(FerryErrorCode.Busy, "another connection delivers under the same key at this moment; try again when it has ended");
            }
            await older.Connection.GiveUpAsync().ConfigureAwait(false);
            await older.Ended.WaitAsync(cancellationToken).ConfigureAwait(false);
        }
    }

    public void Dispose()
    {
        foreach ((UserJournal journal, _) in open.Values)
        {
            journal.Dispose();
        }
        directory.Dispose();
    }

    /// <summary>A delivery has ended, with all its files.</summary>
    internal void End(KeyedDelivery delivery)
    {
        lock (gate)
        {
            live.Remove((delivery.User, delivery.Delivery));
            (UserJournal journal, int users) = open[delivery.User];
            open[delivery.User] = (journal, users - 1);
            if (lastUser != delivery.User)
            {
                CloseUnused(lastUser);
                lastUser = delivery.User;
            }
        }
    }

    private UserJournal Take(uint user)
    {
        if (open.TryGetValue(user, out var known) && !known.Journal.IsSettled)
        {
            // Read again, it finds out what became of the rest. Whoever removes a journal has it forgotten: no receipt is to rest on what no next server will find.
            CloseUnused(user);
        }
        if (!open.TryGetValue(user, out known))
        {
            known = (Load(NameOf(user)), 0);
        }
        open[user] = (known.Journal, known.Users + 1);
        return known.Journal;
    }

    private void CloseUnused(uint user)
    {
        if (open.TryGetValue(user, out var known) && known.Users == 0)
        {
            open.Remove(user);
            known.Journal.Dispose();
        }
    }

    private static FerryPath NameOf(uint user) => user.ToString(CultureInfo.InvariantCulture);

    private UserJournal Load(FerryPath name) => new(directory, name, new JournalRecovery(root, links), boot, time);

    private void Recover(FerryPath name)
    {
        if (!name.TryGetString(out string? text) || !uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint user) || NameOf(user) != name)
        {
            // A journal that was being written anew.
            Discard(name);
            return;
        }
        if (directory.TryGetStatus(name.Bytes, out FileStatus status) && status.Modified.Seconds < (time.GetUtcNow() - UserJournal.Age).ToUnixTimeSeconds())
        {
            directory.RemoveFile(name.Bytes);
            return;
        }
        Load(name).Dispose();
    }

    private void Discard(FerryPath name)
    {
        try
        {
            directory.RemoveFile(name.Bytes);
        }
        catch (FerryException)
        {
            // It is no file, or cannot be removed; nobody reads it.
        }
    }
}
