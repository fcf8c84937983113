using System.Net.Sockets;
using Ferry.Native;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Transport;

/// <summary>
/// A Unix stream socket as a stream, which can also pass open files. Until <see cref="AcceptDescriptors"/> the kernel throws away what a peer
/// attaches.
/// </summary>
internal sealed class UnixStream(Socket socket) : Stream
{
    private static readonly TimeSpan PauseWhileTooMany = TimeSpan.FromMilliseconds(20);

    private readonly Queue<ReceivedDescriptors> descriptors = new();
    private long received;
    private bool accepting;

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>True when received bytes wait to be read.</summary>
    public bool HasWaiting => IsUsable(() => socket.Available > 0);

    /// <summary>True when the peer has closed the connection, or its sending side with nothing left to read.</summary>
    public bool HasPeerLeft => IsUsable(() => SocketCalls.GetHangUp(socket.SafeHandle) switch
    {
        HangUp.Both => true,
        HangUp.Sending => socket.Available == 0,
        _ => false,
    });

    /// <summary>Takes descriptors from the peer from now on.</summary>
    public void AcceptDescriptors() => accepting = true;

    /// <summary>The descriptors that came with the bytes from <paramref name="start"/> to <paramref name="end"/> of the stream; null when none did.</summary>
    /// <exception cref="FerryConnectionException">Descriptors came with bytes before those, where none belong.</exception>
    public ReceivedDescriptors? TakeDescriptors(long start, long end)
    {
        RefuseDescriptors(start);
        return descriptors.TryPeek(out ReceivedDescriptors? first) && first.End <= end ? descriptors.Dequeue() : null;
    }

    /// <summary>Makes sure that no descriptors came with the bytes up to <paramref name="end"/> of the stream.</summary>
    /// <exception cref="FerryConnectionException">Some did.</exception>
    public void RefuseDescriptors(long end)
    {
        if (descriptors.TryPeek(out ReceivedDescriptors? first) && first.End <= end)
        {
            throw Wire.Malformed.UnexpectedDescriptors();
        }
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            if (!accepting)
            {
                int count = await socket.ReceiveAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false);
                received += count;
                return count;
            }
            while (true)
            {
                if (TryReceive(buffer.Span, out int count))
                {
                    return count;
                }
                // Nothing is taken off the socket by this, descriptors included; it waits until there is something.
                await socket.ReceiveAsync(Memory<byte>.Empty, SocketFlags.None, cancellationToken).ConfigureAwait(false);
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    public override async ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        try
        {
            while (!buffer.IsEmpty)
            {
                buffer = buffer[await socket.SendAsync(buffer, SocketFlags.None, cancellationToken).ConfigureAwait(false)..];
            }
        }
        catch (SocketException e)
        {
            throw new IOException(e.Message, e);
        }
    }

    /// <summary>Sends bytes with descriptors attached, waiting for room as often as it takes.</summary>
    /// <param name="bytes">A frame of their own, short enough to be taken as a whole.</param>
    /// <param name="attached">The descriptors; they stay the caller's.</param>
    /// <param name="cancellationToken">Ends the wait.</param>
    public async ValueTask WriteAsync(ReadOnlyMemory<byte> bytes, SafeFileHandle[] attached, CancellationToken cancellationToken)
    {
        while (true)
        {
            int error = DescriptorCalls.Send(socket.SafeHandle, bytes.Span, attached, out int sent);
            switch (error)
            {
                case 0:
                    // What did not fit goes on without them: they travel with the first byte.
                    await WriteAsync(bytes[sent..], cancellationToken).ConfigureAwait(false);
                    return;
                case Errno.EINTR:
                    break;
                case Errno.EAGAIN or Errno.ETOOMANYREFS:
                    // Either the peer has to read first, or this user has as many descriptors under way as the kernel allows.
                    await Task.Delay(PauseWhileTooMany, cancellationToken).ConfigureAwait(false);
                    break;
                default:
                    throw new IOException(Errno.Describe(error), new SocketException(error));
            }
        }
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush()
    {
    }

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        socket.Dispose();
        while (descriptors.TryDequeue(out ReceivedDescriptors? unclaimed))
        {
            unclaimed.Dispose();
        }
        base.Dispose(disposing);
    }

    /// <summary>The answer of a socket; one that is closed meanwhile gives none.</summary>
    private static bool IsUsable(Func<bool> ask)
    {
        try
        {
            return ask();
        }
        catch (Exception e) when (e is ObjectDisposedException or SocketException)
        {
            return false;
        }
    }

    private bool TryReceive(Span<byte> buffer, out int count)
    {
        List<SafeFileHandle> arrived = [];
        int error;
        bool truncated;
        do
        {
            error = DescriptorCalls.Receive(socket.SafeHandle, buffer, arrived, out count, out truncated);
        }
        while (error == Errno.EINTR);
        if (error == Errno.EAGAIN)
        {
            return false;
        }
        if (error != 0)
        {
            throw new SocketException(error);
        }
        received += count;
        if (arrived.Count > 0 || truncated)
        {
            descriptors.Enqueue(new ReceivedDescriptors(received, arrived, !truncated));
        }
        return true;
    }
}
