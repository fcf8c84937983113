using System.Net.Sockets;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Transport;

/// <summary>Connects to a Unix stream socket at a path of any length and any bytes.</summary>
internal static class UnixConnection
{
    /// <summary>More than the kernel gives by itself, as far as it gives more: the two sides then wait for each other less often.</summary>
    private const int SendBufferSize = 1 << 20;

    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(500);

    /// <summary>Connects, trying again for as long as <see cref="FerryClientOptions.Wait"/> says while nothing listens.</summary>
    /// <exception cref="FerryConnectionException">Nothing listens there, or the kernel does not let this user connect.</exception>
    public static Task<Socket> ConnectAsync(FerryPath path, FerryClientOptions options, CancellationToken cancellationToken) =>
        ConnectAsync(path, options, Task.FromResult, cancellationToken);

    /// <summary>
    /// Connects and greets, trying again with growing pauses for as long as <see cref="FerryClientOptions.Wait"/> says: a relay accepts connections while the
    /// server behind it is still missing, and one that has no room answers that it is busy.
    /// </summary>
    /// <param name="path">The socket file.</param>
    /// <param name="options">How long to wait.</param>
    /// <param name="greet">What to do with each connection made; it owns the socket.</param>
    /// <param name="cancellationToken">Gives the attempt up.</param>
    /// <exception cref="FerryConnectionException">The last attempt's failure.</exception>
    public static async Task<T> ConnectAsync<T>(
        FerryPath path, FerryClientOptions options, Func<Socket, Task<T>> greet, CancellationToken cancellationToken)
    {
        long started = Environment.TickCount64;
        TimeSpan pause = FirstPause;
        while (true)
        {
            (Socket? socket, int error) = Connect(path);
            try
            {
                return await greet(socket ?? throw CannotConnect(path, error, options.Wait)).ConfigureAwait(false);
            }
            catch (FerryConnectionException e) when (MayAppear(e.Code, error) && Left(options.Wait, started) > TimeSpan.Zero)
            {
                // The next attempt may fare better.
            }
            TimeSpan left = Left(options.Wait, started);
            await Task.Delay(pause < left ? pause : left, cancellationToken).ConfigureAwait(false);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
    }

    private static bool MayAppear(FerryErrorCode code, int error) => code == FerryErrorCode.NoServer
        ? error is Errno.ENOENT or Errno.ECONNREFUSED or Errno.EAGAIN
        : code is FerryErrorCode.ConnectionLost or FerryErrorCode.Stalled or FerryErrorCode.Busy or FerryErrorCode.Stopping;

    private static TimeSpan Left(TimeSpan wait, long started)
    {
        TimeSpan left = wait == Timeout.InfiniteTimeSpan ? TimeSpan.MaxValue : wait - TimeSpan.FromMilliseconds(Environment.TickCount64 - started);
        return left > TimeSpan.Zero ? left : TimeSpan.Zero;
    }

    /// <summary>
    /// Tries once. The path is opened first and the connection made to that descriptor, which works for any length; the
    /// kernel checks the same permissions.
    /// </summary>
    private static (Socket? Socket, int Error) Connect(FerryPath path)
    {
        int error = FileCalls.Open(FileCalls.WorkingDirectory, path.Bytes, OpenFlags.Path, 0, out SafeFileHandle file);
        using (file)
        {
            if (error != 0)
            {
                return (null, error);
            }
            if (FileCalls.GetStatus(file, out FileStatus status) == 0 && !status.IsSocket)
            {
                return (null, Errno.ENOTSOCK);
            }
            var socket = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified) { SendBufferSize = SendBufferSize };
            try
            {
                // A Unix connect never waits for the peer, only for room in its queue.
                socket.Connect(new UnixDomainSocketEndPoint($"/proc/self/fd/{file.DangerousGetHandle()}"));
                return (socket, 0);
            }
            catch (SocketException e)
            {
                socket.Dispose();
                return (null, e.NativeErrorCode == 0 ? Errno.EIO : e.NativeErrorCode);
            }
        }
    }

    private static FerryConnectionException CannotConnect(FerryPath path, int error, TimeSpan waited) => error switch
    {
        Errno.ENOENT => NoServer(path, "no such file", waited),
        Errno.ECONNREFUSED => NoServer(path, "the file is there and nobody listens on it", waited),
        Errno.ENOTSOCK => NoServer(path, "it is not a socket", TimeSpan.Zero),
        Errno.EACCES or Errno.EPERM => new FerryConnectionException(FerryErrorCode.NotAllowed,
            $"no access to {path}: {Errno.Describe(error)}; its owner can start the server with --allow-user or --group, and every directory above it must let you pass"),
        _ => NoServer(path, Errno.Describe(error), waited),
    };

    private static FerryConnectionException NoServer(FerryPath path, string why, TimeSpan waited)
    {
        string after = waited > TimeSpan.Zero ? FormattableString.Invariant($" after {waited.TotalSeconds:0.###} s") : "";
        return new FerryConnectionException(FerryErrorCode.NoServer,
            $"no server at {path}{after}: {why}; start one with: ferry serve DIR --at {path}");
    }
}
