using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Ferry.Server.Listening;

/// <summary>Who the peer is, in the kernel's word at the time it connected.</summary>
/// <param name="Process">Its process id; 0 for a process in another pid name space.</param>
/// <param name="User">Its effective user.</param>
/// <param name="Group">Its effective group.</param>
/// <param name="Groups">Its supplementary groups.</param>
internal sealed record PeerIdentity(int Process, uint User, uint Group, IReadOnlyList<uint> Groups)
{
    /// <summary>The user, and the group, that the kernel shows for all it cannot name, such as those of another user name space.</summary>
    public const uint Nobody = 65_534;

    private const int SocketLevel = 1, PeerCredentials = 17, PeerGroups = 59;
    private const int MostGroups = 65_536;

    /// <summary>The user to whom something can belong; null where it may be one of many.</summary>
    public uint? KnownUser => User == Nobody ? null : User;

    /// <exception cref="SocketException">The kernel does not say who the peer is.</exception>
    public static PeerIdentity Of(Socket socket)
    {
        Span<int> credentials = stackalloc int[3];
        socket.GetRawSocketOption(SocketLevel, PeerCredentials, MemoryMarshal.AsBytes(credentials));
        return new PeerIdentity(credentials[0], (uint)credentials[1], (uint)credentials[2], GroupsOf(socket));
    }

    public override string ToString() => $"uid {User}, gid {Group}, pid {Process}";

    private static uint[] GroupsOf(Socket socket)
    {
        for (int room = 64; ; room = MostGroups)
        {
            uint[] groups = new uint[room];
            try
            {
                int bytes = socket.GetRawSocketOption(SocketLevel, PeerGroups, MemoryMarshal.AsBytes(groups.AsSpan()));
                return groups[..(bytes / sizeof(uint))];
            }
            catch (SocketException) when (room < MostGroups)
            {
                // More groups than there was room for; the second try has room for all that a process can have.
            }
        }
    }
}
