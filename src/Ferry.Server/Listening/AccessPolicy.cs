using System.Globalization;
using Ferry.Native;

namespace Ferry.Server.Listening;

/// <summary>Who may connect: the server's own user and root, and whom the options add. What cannot be established is denied.</summary>
internal sealed class AccessPolicy
{
    private const uint Nobody = PeerIdentity.Nobody;

    private readonly bool anyone;
    private readonly HashSet<uint> users;
    private readonly HashSet<uint> groups;

    private AccessPolicy(bool anyone, HashSet<uint> users, HashSet<uint> groups, uint? socketGroup, UnixFileMode mode)
    {
        this.anyone = anyone;
        this.users = users;
        this.groups = groups;
        SocketGroup = socketGroup;
        Mode = mode;
    }

    /// <summary>The group that the socket file is given to; null to leave it.</summary>
    public uint? SocketGroup { get; }

    /// <summary>The mode of the socket file.</summary>
    public UnixFileMode Mode { get; }

    /// <summary>Resolves the names in the options, once.</summary>
    /// <exception cref="FerryException">A user or group does not exist.</exception>
    public static AccessPolicy From(FerryServerOptions options)
    {
        HashSet<uint> users = [0, ProcessCalls.EffectiveUser, .. options.AllowUsers.Select(User)];
        HashSet<uint> groups = [.. options.AllowGroups.Select(Group)];
        uint? socketGroup = options.Group is { } name ? Group(name) : null;
        if (socketGroup is { } number)
        {
            groups.Add(number);
        }
        return new AccessPolicy(options.AllowAnyone, users, groups, socketGroup, options.Mode ?? DefaultMode(options));
    }

    /// <summary>Null when the peer may connect, else why not, in words for the peer.</summary>
    public string? Refusal(PeerIdentity peer)
    {
        if (anyone)
        {
            return null;
        }
        if (peer.User == Nobody)
        {
            return $"refused: to this server you are uid {Nobody}, which stands for users of another user name space that it cannot tell apart; its owner can start it with --allow-anyone and a socket mode that keeps others out";
        }
        bool allowed = users.Contains(peer.User) || peer.Groups.Prepend(peer.Group).Any(group => group != Nobody && groups.Contains(group));
        return allowed ? null : $"refused: to this server you are uid {peer.User}; its owner can add --allow-user {peer.User}";
    }

    /// <summary>Whether everybody whom this policy lets in also gets past a file or directory with the given owner and mode.</summary>
    /// <param name="status">The socket file, or a directory above it.</param>
    /// <param name="permission">The bit that is needed: 2 to connect, 1 to pass a directory.</param>
    public bool IsOpen(in FileStatus status, uint permission)
    {
        uint mode = status.Permissions;
        if ((mode & permission) != 0)
        {
            return true;
        }
        (uint owner, uint owningGroup) = (status.User, status.Group);
        bool ownerPasses = (mode >> 6 & permission) != 0;
        bool groupPasses = (mode >> 3 & permission) != 0;
        // With anyone, the socket's mode says who is meant; without others in it, that is its group at most.
        return (!anyone || (Mode & UnixFileMode.OtherWrite) == 0)
            && users.All(user => user == 0 || user == ProcessCalls.EffectiveUser || (ownerPasses && user == owner))
            && groups.All(allowed => groupPasses && allowed == owningGroup);
    }

    /// <summary>Who may connect, for the start line.</summary>
    public override string ToString()
    {
        if (anyone)
        {
            return $"anyone whom the socket's mode {Octal} lets in";
        }
        string text = $"uid {string.Join(", ", users.Order())}";
        return (groups.Count > 0 ? $"{text} and gid {string.Join(", ", groups.Order())}" : text) + $" (socket mode {Octal})";
    }

    private string Octal => "0" + Convert.ToString((int)Mode, 8);

    private static UnixFileMode DefaultMode(FerryServerOptions options)
    {
        const UnixFileMode Owner = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        const UnixFileMode WithGroup = Owner | UnixFileMode.GroupRead | UnixFileMode.GroupWrite;
        if (options.AllowUsers.Count > 0 || options.AllowGroups.Count > 0)
        {
            return WithGroup | UnixFileMode.OtherRead | UnixFileMode.OtherWrite;
        }
        return options.Group is null ? Owner : WithGroup;
    }

    private static uint User(string name) => Number(name)
        ?? (AccountCalls.FindUser(name, out uint number) is var error and not 0 ? throw NotFound("user", name, error, "id") : number);

    private static uint Group(string name) => Number(name)
        ?? (AccountCalls.FindGroup(name, out uint number) is var error and not 0 ? throw NotFound("group", name, error, "getent group") : number);

    private static FerryException NotFound(string kind, string name, int error, string program) => new(FerryErrorCode.Usage, error == Errno.ENOENT
        ? $"there is no {kind} '{EscapedText.FromString(name)}' on this machine; give a name that `{program}` knows, or a number"
        : $"the {kind} '{EscapedText.FromString(name)}' cannot be looked up: {Errno.Describe(error)}; give its number");

    private static uint? Number(string text) =>
        uint.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out uint number) && number != LibC.Unchanged ? number : null;
}
