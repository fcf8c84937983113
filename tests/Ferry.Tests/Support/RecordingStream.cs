namespace Ferry.Tests.Support;

/// <summary>Passes everything on and remembers what was written and what was read.</summary>
internal sealed class RecordingStream(Stream inner) : Stream
{
    private readonly MemoryStream written = new();
    private readonly MemoryStream read = new();

    public byte[] Written => Copy(written);

    public byte[] BytesRead => Copy(read);

    public override bool CanRead => true;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    public override async ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default)
    {
        int count = await inner.ReadAsync(buffer, cancellationToken);
        Append(read, buffer.Span[..count]);
        return count;
    }

    public override ValueTask WriteAsync(ReadOnlyMemory<byte> buffer, CancellationToken cancellationToken = default)
    {
        Append(written, buffer.Span);
        return inner.WriteAsync(buffer, cancellationToken);
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Write(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override void Flush() => inner.Flush();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        inner.Dispose();
        base.Dispose(disposing);
    }

    private static void Append(MemoryStream stream, ReadOnlySpan<byte> bytes)
    {
        lock (stream)
        {
            stream.Write(bytes);
        }
    }

    private static byte[] Copy(MemoryStream stream)
    {
        lock (stream)
        {
            return stream.ToArray();
        }
    }
}
