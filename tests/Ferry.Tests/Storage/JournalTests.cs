using Ferry.Files;
using Ferry.Native;
using Ferry.Server;
using Ferry.Server.Storage;
using Ferry.Server.Storage.Journal;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>What a user's journal keeps, for how long, and what becomes of one that is damaged.</summary>
public sealed class JournalTests
{
    private static readonly byte[] Key = [1, 2, 3];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public void Of_many_receipts_the_newest_are_remembered()
    {
        var state = new JournalState();
        const int most = 2 * JournalState.LeastDone;
        for (int i = 0; i < most + 100; i++)
        {
            Publish(state, i);
        }
        for (int i = 0; i < JournalState.MostMade + 100; i++)
        {
            state.Apply(new JournalRecord { Event = JournalEvent.Made, Ids = [7], At = i, Staged = new StagedIdentity(default, default, (ulong)i + 1, default) });
        }

        Assert.InRange(Enumerable.Range(0, most + 100).Count(i => state.FindDone((UInt128)i) is not null), JournalState.LeastDone, most);
        Assert.All(Enumerable.Range(most + 100 - JournalState.LeastDone, JournalState.LeastDone), i => Assert.NotNull(state.FindDone((UInt128)i)));
        Assert.Equal(JournalState.MostMade, state.MadeBy(7).Count());
    }

    [Fact]
    public void Long_names_are_bounded_by_their_bytes()
    {
        var state = new JournalState();
        string name = new('n', 100_000);
        for (int i = 0; i < 200; i++)
        {
            Publish(state, i, name);
        }

        Assert.InRange(Enumerable.Range(0, 200).Count(i => state.FindDone((UInt128)i) is not null), 1, (int)(2 * PublishedFiles.MostNameBytes / name.Length) + 2);
        Assert.Equal(name, state.FindDone(199)?.OtherName.ToString());
    }

    [Fact]
    public void What_is_stored_again_loses_its_receipt_until_that_is_done()
    {
        var state = new JournalState();
        Publish(state, 1);

        state.Apply(Intent(1, offset: 2));
        Assert.Null(state.FindDone(1));
        Assert.Single(state.Pending);
        state.Apply(Done(1));
        Assert.Equal(2, state.FindDone(1)?.File.Intent);
        state.Apply(Done(1));
        Assert.NotNull(state.FindDone(1));
        Assert.Empty(state.Pending);

        state.Apply(Intent(1, offset: 3));
        state.Apply(new JournalRecord { Event = JournalEvent.Cancelled, Ids = [1], At = 0 });
        Assert.Null(state.FindDone(1));
        Assert.Empty(state.Pending);
    }

    [Theory]
    [InlineData("")]
    [InlineData("again")]
    public void What_was_stored_again_has_only_its_newest_receipt(string again)
    {
        var state = new JournalState();
        Publish(state, 0, "first");
        for (int i = 1; i < JournalState.LeastDone; i++)
        {
            Publish(state, i);
        }

        Publish(state, 0, again, offset: 1);
        Assert.Equal((1, again), (state.FindDone(0)!.Value.File.Intent, state.FindDone(0)!.Value.OtherName.ToString()));
        Publish(state, 0, again, offset: 2);
        Assert.Equal((2, again), (state.FindDone(0)!.Value.File.Intent, state.FindDone(0)!.Value.OtherName.ToString()));

        state.Apply(new JournalRecord { Event = JournalEvent.Cancelled, Ids = [0], At = 0 });
        Assert.Null(state.FindDone(0));
    }

    /// <summary>The newest receipt of a file may go before an older one would have.</summary>
    [Fact]
    public void Where_the_newest_receipt_is_forgotten_no_older_one_comes_back()
    {
        var state = new JournalState();
        state.Apply(Intent(0, durable: true));
        state.Apply(Done(0));
        for (int i = 1; i < JournalState.LeastDone; i++)
        {
            Publish(state, i);
        }
        Publish(state, 0, offset: 1);
        state.Apply(new JournalRecord { Event = JournalEvent.Boot, Ids = [1], At = 0 });

        Assert.Null(state.FindDone(0));
    }

    [Fact]
    public void A_delivery_is_known_as_long_as_a_file_of_it()
    {
        var state = new JournalState();
        UInt128 first = ArrivalId.OfDelivery([1]), second = ArrivalId.OfDelivery([2]);
        Publish(state, ArrivalId.Of(first, 0, "name"));
        Assert.True(state.MayKnow(first));
        Assert.False(state.MayKnow(second));

        for (int i = 0; i < 3 * JournalState.LeastDone; i++)
        {
            Publish(state, ArrivalId.Of(second, i, "name"));
        }
        Assert.False(state.MayKnow(first));
        Assert.True(state.MayKnow(second));
    }

    /// <summary>After these first eight bytes XXH3 does not see the next eight.</summary>
    [Fact]
    public async Task Of_two_names_with_one_number_neither_gets_the_receipt_of_the_other_and_directories_wait_apart()
    {
        byte[] start = [0xb8, 0xfe, 0x6c, 0x39, 0x23, 0xa4, 0x4b, 0xbe];
        FerryPath[] names = [FerryPath.FromBytes([.. start, .. "12345678sixteen the same"u8]), FerryPath.FromBytes([.. start, .. "abcdefghsixteen the same"u8])];
        Assert.Equal(ArrivalId.Of(1, 0, names[0]), ArrivalId.Of(1, 0, names[1]));
        using var directory = new JournalDirectory();
        await StoreOneAsync(directory, names[0]);

        Assert.NotNull(await directory.FindAsync(names[0]));
        Assert.Null(await directory.FindAsync(names[1]));
        await StoreOneAsync(directory, names[1]);
        Assert.NotNull(await directory.FindAsync(names[1]));
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            JournalRecord[] both = [.. names.Select(name => JournalDirectory.Arrive(delivery, name))];
            delivery.Intend(both, flush: false);
            Assert.True(delivery.TrySettle([(both[0], "numbered"), (both[1], names[1])]));
        }
        Assert.Null(await directory.FindAsync(names[0]));
        Assert.Null(await directory.FindAsync(names[1]));
        Assert.NotEqual(ArrivalId.OfTree(1, 0, names[0]), ArrivalId.OfTree(1, 0, names[1]));
        Assert.NotEqual(ArrivalId.OfTree(1, 0, names[0]), ArrivalId.OfTree(1, 1, names[0]));
        Assert.NotEqual(ArrivalId.OfTree(1, 0, names[0]), ArrivalId.OfTree(2, 0, names[0]));
    }

    [Fact]
    public async Task What_was_sent_as_another_thing_does_not_get_the_receipt()
    {
        using var directory = new JournalDirectory();
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            JournalRecord intent = JournalDirectory.Arrive(delivery, "name") with { Source = 1 };
            delivery.Intend([intent], flush: true);
            Assert.True(delivery.TrySettle([(intent, intent.Name)]));
        }

        Assert.Null(await directory.FindAsync("name"));
    }

    /// <summary>The bytes are what stands in the journals of servers that are stopped while this one takes their place.</summary>
    [Fact]
    public void A_record_keeps_everything_in_the_same_bytes()
    {
        var record = new JournalRecord
        {
            Event = JournalEvent.Intent,
            Ids = [UInt128.MaxValue - 1],
            At = 1,
            Name = "n",
            Source = uint.MaxValue,
            Size = 2,
            Modified = new FileTime(-3, 999_999_999),
            Receipt = new Receipt
            {
                Name = default,
                Result = ReceiptResult.Stored,
                Size = 4,
                Hash = "xxh128:00",
                Checked = HashCheck.Both,
                How = TransferMethod.Cloned,
                Level = Durability.Durable,
            },
            Staged = new StagedIdentity("d", "f", 5, new TimeStamp(6, 7)),
        };
        byte[] written = new byte[JournalRecord.MostBytes];
        written = written[..record.Write(written)];

        Assert.Equal(
            "0107020202091000010001000100"
            + "ffffffff01000000000000000200000000000000fdffffffffffffff"
            + "ffc99a3b04000000000000000500000000000000060000000000000007000000"
            + "feffffffffffffffffffffffffffffff7878683132383a30306e6466",
            Convert.ToHexStringLower(written));
        JournalRecord read = JournalRecord.TryRead(written)!;
        Assert.Equal(record.Ids, read.Ids);
        Assert.Equal(record with { Ids = [] }, read with { Ids = [] });
        Assert.All(Enumerable.Range(0, written.Length), length => Assert.Null(JournalRecord.TryRead(written.AsSpan(0, length))));
    }

    [Fact]
    public async Task A_receipt_is_given_again_for_a_day()
    {
        using var directory = new JournalDirectory();
        await StoreOneAsync(directory);

        directory.Time.Now += UserJournal.Age - TimeSpan.FromMinutes(1);
        Assert.NotNull(await directory.FindAsync());
        directory.Time.Now += TimeSpan.FromMinutes(2);

        Assert.Null(await directory.FindAsync());
    }

    [Fact]
    public async Task The_file_does_not_grow_with_what_is_stored_and_is_as_good_when_it_was_written_anew()
    {
        using var directory = new JournalDirectory();
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            long largest = 0;
            for (int batch = 0; batch < 3000; batch++)
            {
                JournalRecord[] intents = [.. Enumerable.Range(0, 100).Select(i => JournalDirectory.Arrive(delivery, $"file{batch}-{i}"))];
                delivery.Intend(intents, flush: false);
                Assert.True(delivery.TrySettle([.. intents.Select((intent, i) => (intent, (FerryPath?)(i == 7 ? $"other{batch}" : intent.Name)))]));
                largest = Math.Max(largest, new FileInfo(directory.JournalPath).Length);
            }
            Assert.InRange(largest, 28 << 20, 33 << 20);
            Assert.InRange(new FileInfo(directory.JournalPath).Length, 1, largest - 1);
        }

        Assert.NotNull(await directory.FindAsync("file2999-99"));
        Assert.NotNull(await directory.FindAsync("file2900-0"));
        Assert.Equal("other2900", (await directory.FindAsync("file2900-7"))?.Name.ToString());
        directory.Restart();
        Assert.NotNull(await directory.FindAsync("file2900-0"));
        Assert.Equal("other2900", (await directory.FindAsync("file2900-7"))?.Name.ToString());
        Assert.Null(await directory.FindAsync("file0-0"));
    }

    /// <summary>A file that has grown too large to be read again would be taken for none.</summary>
    [Theory]
    [InlineData(16_000)]
    [InlineData(3_000)]
    public async Task However_long_names_are_the_newest_receipts_are_given_again_after_a_restart(int length)
    {
        using var directory = new JournalDirectory();
        int batches = (160 << 20) / length / 100;
        string rest = new('n', length);
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            long largest = 0;
            for (int batch = 0; batch < batches; batch++)
            {
                JournalRecord[] intents = [.. Enumerable.Range(0, 100).Select(i => JournalDirectory.Arrive(delivery, $"{batch}-{i}-{rest}"[..length]))];
                delivery.Intend(intents, flush: false);
                Assert.True(delivery.TrySettle([.. intents.Select(intent => (intent, (FerryPath?)intent.Name))]));
                largest = Math.Max(largest, new FileInfo(directory.JournalPath).Length);
            }
            Assert.InRange(largest, 1, JournalFile.MostBytes / 2);
        }

        directory.Restart();
        Assert.NotNull(await directory.FindAsync($"{batches - 1}-99-{rest}"[..length]));
        Assert.NotNull(await directory.FindAsync($"{batches - 9}-0-{rest}"[..length]));
    }

    [Theory]
    [InlineData("removed")]
    [InlineData("replaced")]
    [InlineData("cut")]
    [InlineData("overwritten")]
    [InlineData("continued")]
    public async Task What_somebody_does_to_the_file_while_the_server_runs_holds_from_the_next_delivery_on(string done)
    {
        using var directory = new JournalDirectory();
        await StoreOneAsync(directory);
        Assert.NotNull(await directory.FindAsync());
        switch (done)
        {
            case "removed":
                File.Delete(directory.JournalPath);
                break;
            case "replaced":
                File.Copy(directory.JournalPath, directory.JournalPath + "~");
                File.Move(directory.JournalPath + "~", directory.JournalPath, overwrite: true);
                break;
            case "overwritten":
                await File.WriteAllBytesAsync(directory.JournalPath, new byte[10_000], Cancel);
                break;
            case "continued":
                await File.AppendAllBytesAsync(directory.JournalPath, new byte[10_000], Cancel);
                break;
            default:
                await File.WriteAllBytesAsync(directory.JournalPath, [], Cancel);
                break;
        }

        Assert.Equal(done is "replaced" or "continued", await directory.FindAsync() is not null);
        await StoreOneAsync(directory, "second");
        Assert.NotNull(await directory.FindAsync("second"));
        directory.Restart();
        Assert.NotNull(await directory.FindAsync("second"));
    }

    /// <summary>Any prefix is what a crash may leave; nothing before the tear is lost.</summary>
    [Fact]
    public async Task A_torn_tail_is_cut_off_and_what_stands_before_it_is_kept()
    {
        using var directory = new JournalDirectory();
        await StoreOneAsync(directory);
        byte[] whole = await File.ReadAllBytesAsync(directory.JournalPath, Cancel);
        await StoreOneAsync(directory, "second");
        byte[] longer = await File.ReadAllBytesAsync(directory.JournalPath, Cancel);

        for (int length = whole.Length; length < longer.Length; length += 7)
        {
            await File.WriteAllBytesAsync(directory.JournalPath, longer[..length], Cancel);
            directory.Restart();

            Assert.NotNull(await directory.FindAsync());
            await StoreOneAsync(directory, "third");
            Assert.NotNull(await directory.FindAsync("third"));
        }
    }

    /// <summary>A record that is not read ends the journal, and with it what stands behind it. In a directory that arrives whole, names are longer than those offered.</summary>
    [Fact]
    public async Task The_longest_name_of_a_directory_hides_nothing_that_comes_after_it()
    {
        using var directory = new JournalDirectory();
        string waiting = $"{WaitingTrees.Path}/{uint.MaxValue}-{UInt128.MaxValue:x32}/";
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            delivery.Making(waiting + new string('n', ProtocolLimits.MaxPathBytes - "t/".Length));
        }
        await StoreOneAsync(directory);

        directory.Restart();

        Assert.NotNull(await directory.FindAsync());
    }

    [Fact]
    public async Task Damage_of_any_kind_is_no_more_than_forgetting()
    {
        using var directory = new JournalDirectory();
        for (int i = 0; i < 20; i++)
        {
            await StoreOneAsync(directory, $"file{i}");
        }
        byte[] whole = await File.ReadAllBytesAsync(directory.JournalPath, Cancel);
        var random = new Random(1);

        for (int i = 0; i < 300; i++)
        {
            byte[] damaged = [.. whole];
            switch (i % 4)
            {
                case 0: damaged[random.Next(damaged.Length)] ^= (byte)random.Next(1, 256); break;
                case 1: random.NextBytes(damaged.AsSpan(random.Next(damaged.Length))); break;
                case 2: damaged.AsSpan(random.Next(damaged.Length)).Clear(); break;
                default: damaged = [.. damaged[random.Next(damaged.Length)..], .. damaged]; break;
            }
            await File.WriteAllBytesAsync(directory.JournalPath, damaged, Cancel);
            directory.Restart();

            for (int f = 0; f < 20; f++)
            {
                // What is found is what was written.
                Receipt? found = await directory.FindAsync($"file{f}");
                Assert.True(found is null || found is { Size: 7, Level: Durability.Received }, $"{found}");
            }
            await StoreOneAsync(directory, "new");
            Assert.NotNull(await directory.FindAsync("new"));
        }
    }

    [Theory]
    [InlineData("directory")]
    [InlineData("link")]
    [InlineData("fifo")]
    public async Task Something_else_in_the_journals_place_does_not_keep_the_server_from_starting(string kind)
    {
        using var directory = new JournalDirectory();
        await StoreOneAsync(directory);
        File.Delete(directory.JournalPath);
        Tool.Run("sh", "-c", kind switch { "directory" => $"mkdir '{directory.JournalPath}'", "link" => $"ln -s /etc/passwd '{directory.JournalPath}'", _ => $"mkfifo '{directory.JournalPath}'" });

        directory.Restart();

        if (kind != "directory")
        {
            await StoreOneAsync(directory);
            Assert.NotNull(await directory.FindAsync());
        }
    }

    [Fact]
    public async Task What_was_about_to_be_published_and_waits_no_more_is_published_under_the_name_that_has_it()
    {
        using var directory = new JournalDirectory(ExistingFiles.Number);
        await File.WriteAllTextAsync(directory.Root + "/taken.txt", "in the way", Cancel);
        JournalRecord published, waiting, numbered, moved;
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            (published, waiting, numbered, moved) = (
                directory.Stage(delivery, "published"), directory.Stage(delivery, "waiting"), directory.Stage(delivery, "taken.txt"), directory.Stage(delivery, "moved"));
            delivery.Intend([published, waiting, numbered, moved], flush: true);
            File.Move(directory.PathOf(published), directory.Root + "/published");
            File.Move(directory.PathOf(numbered), directory.Root + "/taken.3.txt");
            File.Delete(directory.PathOf(moved));
        }

        directory.Restart();

        Assert.Equal("published", (await directory.FindAsync("published"))?.Name.ToString());
        Assert.Equal("taken.3.txt", (await directory.FindAsync("taken.txt"))?.Name.ToString());
        Assert.Equal("moved", (await directory.FindAsync("moved"))?.Name.ToString());
        Assert.Null(await directory.FindAsync("waiting"));
    }

    /// <summary>Where a file has its own name or none, it is known by whether it still waits.</summary>
    [Fact]
    public async Task What_may_have_no_other_name_is_published_when_it_waits_no_more()
    {
        using var directory = new JournalDirectory();
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            JournalRecord published = directory.Stage(delivery, "published"), waiting = directory.Stage(delivery, "waiting"), moved = directory.Stage(delivery, "moved");
            delivery.Intend([published, waiting, moved], flush: true);
            File.Move(directory.PathOf(published), directory.Root + "/published");
            File.Delete(directory.PathOf(moved));
        }

        directory.Restart();

        Assert.Equal("published", (await directory.FindAsync("published"))?.Name.ToString());
        Assert.Equal("moved", (await directory.FindAsync("moved"))?.Name.ToString());
        Assert.Null(await directory.FindAsync("waiting"));
    }

    /// <summary>After a power cut what is missing in staging may never have been on the device: only what is seen counts.</summary>
    [Fact]
    public async Task After_a_power_cut_only_what_is_seen_and_was_flushed_is_given_again()
    {
        using var directory = new JournalDirectory(ExistingFiles.Number);
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            JournalRecord seen = directory.Stage(delivery, "seen", Durability.Durable), lost = directory.Stage(delivery, "lost", Durability.Durable);
            JournalRecord unflushed = directory.Stage(delivery, "unflushed"), done = directory.Stage(delivery, "done"), durable = directory.Stage(delivery, "durable", Durability.Durable);
            delivery.Intend([seen, lost, unflushed, done, durable], flush: true);
            File.Move(directory.PathOf(seen), directory.Root + "/seen");
            File.Move(directory.PathOf(unflushed), directory.Root + "/unflushed");
            File.Delete(directory.PathOf(lost));
            Assert.True(delivery.TrySettle([(done, done.Name), (durable, durable.Name)]));
        }

        directory.Boot++;
        directory.Restart();

        Assert.NotNull(await directory.FindAsync("seen"));
        Assert.NotNull(await directory.FindAsync("durable"));
        Assert.Null(await directory.FindAsync("lost"));
        Assert.Null(await directory.FindAsync("unflushed"));
        Assert.Null(await directory.FindAsync("done"));
    }

    /// <summary>Where it is not replaced anyway, it would get a second name or be refused when it is not known again.</summary>
    [Theory]
    [InlineData(ExistingFiles.Replace, false)]
    [InlineData(ExistingFiles.Number, true)]
    [InlineData(ExistingFiles.Refuse, true)]
    [InlineData(ExistingFiles.Keep, true)]
    public async Task What_may_be_stored_once_more_at_no_cost_is_not_looked_at(ExistingFiles existing, bool isKnown)
    {
        using TinyFileSystem disk = TinyFileSystem.OfType("ext4");
        using var directory = new JournalDirectory(existing, disk["root"]);
        using KeyedDelivery delivery = await directory.BeginAsync();

        Assert.Equal(isKnown, directory.Stage(delivery, "name", Durability.Durable).Staged.IsKnown);
    }

    /// <summary>A small file is not looked at before it is published: what it is shows in what it holds, and that it is no older one in when it was renamed.</summary>
    [Fact]
    public async Task After_a_power_cut_a_small_file_is_known_by_its_content()
    {
        using var directory = new JournalDirectory();
        string[] published = ["below/seen", "seen", "changed", "longer", "touched"], lost = ["lost", "older", "a-directory"];
        await File.WriteAllTextAsync(directory.Root + "/older", "content", Cancel);
        File.SetLastWriteTimeUtc(directory.Root + "/older", JournalDirectory.Modified);
        Directory.CreateDirectory(directory.Root + "/a-directory");
        Directory.CreateDirectory(directory.Root + "/below");
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            foreach (string name in published.Concat(lost))
            {
                // The older one has been there for a while.
                directory.Time.Now += TimeSpan.FromMinutes(name == "older" ? 1 : 0);
                JournalRecord intent = directory.Stage(delivery, name, Durability.Durable);
                Assert.False(intent.Staged.IsKnown);
                delivery.Intend([intent], flush: true);
                directory.Time.Now -= TimeSpan.FromMinutes(name == "older" ? 1 : 0);
                File.SetLastWriteTimeUtc(directory.PathOf(intent), JournalDirectory.Modified);
                if (published.Contains(name))
                {
                    File.Move(directory.PathOf(intent), $"{directory.Root}/{name}");
                }
                else
                {
                    File.Delete(directory.PathOf(intent));
                }
            }
        }
        foreach ((string name, string content) in new[] { ("changed", "CONTENT"), ("longer", "content and more") })
        {
            await File.WriteAllTextAsync($"{directory.Root}/{name}", content, Cancel);
            File.SetLastWriteTimeUtc($"{directory.Root}/{name}", JournalDirectory.Modified);
        }
        File.SetLastWriteTimeUtc(directory.Root + "/touched", JournalDirectory.Modified.AddSeconds(1));

        directory.Boot++;
        directory.Restart();

        foreach (string name in published.Concat(lost))
        {
            Assert.Equal(name is "below/seen" or "seen" ? name : null, (await directory.FindAsync(name))?.Name.ToString());
        }
    }

    /// <summary>A file system that cannot rename without replacing gives the second name first.</summary>
    [Fact]
    public async Task What_waits_under_two_names_is_published()
    {
        using var directory = new JournalDirectory();
        using (KeyedDelivery delivery = await directory.BeginAsync())
        {
            JournalRecord linked = directory.Stage(delivery, "linked");
            delivery.Intend([linked], flush: true);
            Tool.Run("ln", directory.PathOf(linked), directory.Root + "/linked");
        }

        directory.Restart();

        Assert.NotNull(await directory.FindAsync("linked"));
    }

    private static async Task StoreOneAsync(JournalDirectory directory, FerryPath? name = null)
    {
        using KeyedDelivery delivery = await directory.BeginAsync();
        JournalRecord intent = JournalDirectory.Arrive(delivery, name ?? "name");
        delivery.Intend([intent], flush: true);
        Assert.True(delivery.TrySettle([(intent, intent.Name)]));
    }

    private static void Publish(JournalState state, int id, string name = "", long offset = 0) => Publish(state, (UInt128)id, name, offset);

    private static void Publish(JournalState state, UInt128 id, string name = "", long offset = 0)
    {
        state.Apply(Intent(id, offset));
        state.Apply(Done(id, name));
    }

    private static JournalRecord Intent(UInt128 id, long offset = 0, bool durable = false) => new()
    {
        Event = JournalEvent.Intent,
        Ids = [id],
        At = 0,
        Receipt = new Receipt { Name = "name", Result = ReceiptResult.Stored, Level = durable ? Durability.Durable : Durability.Received },
        Offset = offset,
    };

    private static JournalRecord Done(UInt128 id, string name = "") => new() { Event = JournalEvent.Done, Ids = [id], At = 0, Name = name };

    private sealed class JournalDirectory : IDisposable, IKeyedConnection
    {
        /// <summary>The time of each file that is offered.</summary>
        public static readonly DateTime Modified = new(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc);

        private readonly TestDirectory directory = new();
        private readonly ExistingFiles existing;
        private readonly List<IDisposable> staged = [];
        private readonly Store store;
        private ConfinedDirectory root = null!;
        private Journals journals = null!;

        /// <param name="existing">As the server's.</param>
        /// <param name="root">A directory on another file system, somebody else's; null for one in memory.</param>
        public JournalDirectory(ExistingFiles existing = ExistingFiles.Replace, string? root = null)
        {
            this.existing = existing;
            Root = root ?? directory["root"];
            store = Open();
        }

        public SettableTime Time { get; } = new();

        /// <summary>The run of the machine.</summary>
        public UInt128 Boot { get; set; } = 1;

        public string Root { get; }

        public string JournalPath => Root + "/.ferry/journal/1000";

        public bool HasHungUp => false;

        public Task GiveUpAsync() => Task.CompletedTask;

        /// <summary>As after a crash: files in staging are still there. The store keeps its lock, which a process started by another test could hold.</summary>
        public void Restart()
        {
            journals.Dispose();
            root.Dispose();
            journals = OpenJournals();
        }

        public Task<KeyedDelivery> BeginAsync() => journals.BeginAsync(1000, Key, this, Cancel);

        public async Task<Receipt?> FindAsync(FerryPath? asked = null)
        {
            FerryPath name = asked ?? "name";
            using KeyedDelivery delivery = await BeginAsync();
            return delivery.Find(delivery.IdOf(OfferOf(name)), OfferOf(name), ContentHash.XxHash, Durability.Received);
        }

        public static JournalRecord Arrive(KeyedDelivery delivery, FerryPath name) =>
            IntentOf(delivery, name, Durability.Received, new StagedIdentity(".ferry/incoming/1", "1", 1, default));

        public JournalRecord Stage(KeyedDelivery delivery, string name, Durability level = Durability.Received)
        {
            Delivery one = store.BeginDelivery();
            IncomingFile file = one.CreateFile(name, new FileExpectation(7, default, level), contentIsHere: true);
            staged.AddRange([file, one]);
            file.Write("content"u8);
            // In memory nothing is durable, whatever was asked for; the record says it is.
            return IntentOf(delivery, name, level, file.Identify(ReceiptOf(name, level)));
        }

        public string PathOf(JournalRecord intent) => $"{Root}/{intent.Staged.Directory}/{intent.Staged.File}";

        public void Dispose()
        {
            staged.ForEach(one => one.Dispose());
            journals.Dispose();
            root.Dispose();
            store.Dispose();
            directory.Dispose();
        }

        private static Offer OfferOf(FerryPath name) =>
            new(EntryKind.File, name, 7, new EntryMetadata(null, new FileTime(new DateTimeOffset(Modified).ToUnixTimeSeconds(), 0)), null) { Source = 0 };

        private static JournalRecord IntentOf(KeyedDelivery delivery, FerryPath name, Durability level, StagedIdentity staged) => delivery.IntentOf(
            delivery.IdOf(OfferOf(name))!.Value, OfferOf(name), ReceiptOf(name, level), staged);

        private static Receipt ReceiptOf(FerryPath name, Durability level) => new()
        {
            Name = name,
            Result = ReceiptResult.Stored,
            Size = 7,
            Hash = ContentHash.ToText(ContentHash.XxHash, ContentHash.Of(ContentHash.XxHash, "content"u8)),
            Level = level,
        };

        private Store Open()
        {
            var opened = Store.Open(new FerryServerOptions { Root = Root, Address = "unused", Existing = existing });
            journals = OpenJournals();
            return opened;
        }

        private Journals OpenJournals()
        {
            root = ConfinedDirectory.OpenRoot(Root);
            return Journals.Open(root.OpenDirectory(".ferry/journal"u8), root, new FileSystemFlusher(root), Time, Boot);
        }
    }

    internal sealed class SettableTime : TimeProvider
    {
        public DateTimeOffset Now { get; set; } = DateTimeOffset.UtcNow;

        public override DateTimeOffset GetUtcNow() => Now;
    }
}
