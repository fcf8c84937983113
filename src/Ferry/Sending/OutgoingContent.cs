using Ferry.Files;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Sending;

/// <summary>Content on its way out: a file that can be looked at again afterwards, or a stream that is read once.</summary>
internal abstract class OutgoingContent : IDisposable
{
    /// <summary>Bytes to come; null when that shows only at the end.</summary>
    public abstract long? Size { get; }

    /// <summary>The open file that can be passed in place of its content; null when there is none.</summary>
    public virtual SafeFileHandle? Passable => null;

    /// <summary>True when it can be read again from its beginning, so that a receiver may hold a part of it from before.</summary>
    public virtual bool CanRestart => false;

    /// <summary>Reads on. 0 at the end.</summary>
    public abstract ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken);

    /// <summary>Makes ready to be read from the beginning once more; false where that is not possible.</summary>
    public abstract bool TryRewind();

    /// <summary>True when what was read is not one state of the source (invariant 8).</summary>
    public abstract bool HasChanged();

    public abstract void Dispose();

    /// <summary>Content of a regular file.</summary>
    public sealed class OfFile(SourceFile file) : OutgoingContent
    {
        private long offset;

        public override long? Size => file.Size;

        public override SafeFileHandle? Passable => file.Handle;

        public override bool CanRestart => true;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
        {
            int read = file.Read(buffer.Span, offset);
            offset += read;
            return ValueTask.FromResult(read);
        }

        public override bool TryRewind()
        {
            offset = 0;
            return true;
        }

        public override bool HasChanged() => file.HasChanged();

        public override void Dispose() => file.Dispose();
    }

    /// <summary>Content of a stream, such as standard input; the stream stays its owner's.</summary>
    public sealed class OfStream(Stream stream) : OutgoingContent
    {
        private bool begun;

        public override long? Size => null;

        public override bool TryRewind() => !begun;

        public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken)
        {
            begun = true;
            try
            {
                return await stream.ReadAsync(buffer, cancellationToken).ConfigureAwait(false);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or ObjectDisposedException)
            {
                throw new FerryException(FerryErrorCode.SourceUnreadable, $"the content cannot be read: {e.Message}", e);
            }
        }

        public override bool HasChanged() => false;

        public override void Dispose()
        {
        }
    }

    /// <summary>Content that cannot be had once more: the entry is offered in case that the server has it, and else given up.</summary>
    /// <param name="size">The size that was offered.</param>
    /// <param name="reason">Why not.</param>
    public sealed class Gone(long? size, FerryException reason) : OutgoingContent
    {
        public override long? Size => size;

        public override bool TryRewind() => true;

        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken) =>
            throw new FerryException(reason.Code, reason.Message, reason);

        public override bool HasChanged() => false;

        public override void Dispose()
        {
        }
    }
}
