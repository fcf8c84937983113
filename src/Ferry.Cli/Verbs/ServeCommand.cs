using System.CommandLine;
using Ferry.Server;

namespace Ferry.Cli.Verbs;

/// <summary><c>ferry serve DIR</c></summary>
internal static class ServeCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "Directory to receive into; created if only its last part is missing" };
        Option<string?> at = Options.At("PATH or unix:PATH");
        Option<ExistingFiles?> existing = Options.OneOf<ExistingFiles>("--existing", "What to do with a file whose name exists. Default: replace");
        Option<Durability?> durability = Options.OneOf<Durability>("--durability", "The highest level given. Default: durable");
        Option<int?> connections = Options.Count("--max-connections", "Connections served at once. Default: 4096");
        Option<TimeSpan?> stall = Options.StallTime("Give up a client that says nothing for this long. Default: 60s; plain: 10m");
        Option<TimeSpan?> grace = Options.Time("--grace", "How long deliveries in flight may go on after a stop was asked for. Default: 10s");
        Option<SizeLimit?> reserve = Options.Size("--reserve-free", "Space that stays free. Default: 64M or 5 % of the file system, whichever is less");
        Option<SizeLimit?> largest = Options.Size("--max-file-size", "Largest file accepted. Default: none");
        Option<TimeSpan?> keep = Options.Time("--keep-partials", "How long the part of a large file that arrived before its connection broke waits to be gone on with; 0s keeps none. Default: 24h");
        Option<SizeLimit?> most = Options.Size("--max-partials", "How much such parts may take in all; the oldest go first. Default: a quarter of the file system");
        var noPlain = new Option<bool>("--no-plain") { Description = "Do not serve the plain protocol. Default: it is served" };
        var noDescriptors = new Option<bool>("--no-descriptors") { Description = "Take no open files from clients: have all content streamed. Default: they are taken" };
        Option<UnixFileMode?> mode = Mode();
        var group = new Option<string?>("--group") { Description = "Give the socket to this group, whose members may connect. Default: none", HelpName = "GROUP" };
        var allowUser = new Option<string[]>("--allow-user") { Description = "Let this user connect, a name or a number; repeatable. Default: the server's own user and root", HelpName = "USER" };
        var allowGroup = new Option<string[]>("--allow-group") { Description = "Let the members of this group connect, a name or a number; repeatable. Default: none", HelpName = "GROUP" };
        var anyone = new Option<bool>("--allow-anyone") { Description = "Check no identity: the socket's mode decides. Default: identities are checked" };
        var once = new Option<bool>("--once") { Description = "End after one delivery, with its exit code. Default: serve until a signal" };
        Option<bool> json = Options.Json(), quiet = Options.Quiet(), verbose = Options.Verbose();

        var command = new Command("serve", "Receive files into a directory until SIGTERM, SIGINT or SIGHUP.")
        {
            directory, at, existing, durability, connections, stall, grace, reserve, largest, keep, most, noPlain, noDescriptors, mode, group, allowUser, allowGroup,
            anyone, once, json, quiet, verbose,
        };
        command.SetAction((result, _) => new ServeRun
        {
            At = result.GetValue(at),
            Once = result.GetValue(once),
            Json = result.GetValue(json),
            Quiet = result.GetValue(quiet),
            Verbose = result.GetValue(verbose),
            Configure = options =>
            {
                options.Root = result.GetRequiredValue(directory);
                options.Existing = result.GetValue(existing) ?? options.Existing;
                options.Durability = result.GetValue(durability) ?? options.Durability;
                options.MaxConnections = result.GetValue(connections) ?? options.MaxConnections;
                options.StallTimeout = result.GetValue(stall) ?? options.StallTimeout;
                options.PlainStallTimeout = result.GetValue(stall) ?? options.PlainStallTimeout;
                options.Grace = result.GetValue(grace) is { } time ? (time == Timeout.InfiniteTimeSpan ? TimeSpan.FromMilliseconds(int.MaxValue) : time) : options.Grace;
                options.ReserveFree = result.GetValue(reserve) is { } kept ? kept.Bytes ?? 0 : options.ReserveFree;
                options.MaxFileSize = result.GetValue(largest)?.Bytes;
                options.KeepPartials = result.GetValue(keep) ?? options.KeepPartials;
                options.MaxPartials = result.GetValue(most) is { } limit ? limit.Bytes ?? long.MaxValue : options.MaxPartials;
                options.Plain = !result.GetValue(noPlain);
                options.Descriptors = !result.GetValue(noDescriptors);
                options.Mode = result.GetValue(mode);
                options.Group = result.GetValue(group);
                options.AllowUsers = result.GetValue(allowUser) ?? [];
                options.AllowGroups = result.GetValue(allowGroup) ?? [];
                options.AllowAnyone = result.GetValue(anyone);
            },
        }.RunAsync());
        return command;
    }

    private static Option<UnixFileMode?> Mode() => new("--mode")
    {
        Description = "Mode of the socket file. Default: 0600; 0660 with --group; 0666 with --allow-user or --allow-group",
        HelpName = "OCTAL",
        CustomParser = result => Options.Parse<UnixFileMode?>(result, Octal, "an octal mode such as 0660"),
    };

    private static UnixFileMode? Octal(string text)
    {
        bool valid = text.Length is > 0 and <= 4 && text.All(c => c is >= '0' and <= '7');
        int mode = valid ? Convert.ToInt32(text, 8) : -1;
        return mode is >= 0 and <= 511 ? (UnixFileMode)mode : null;
    }
}
