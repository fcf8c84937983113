namespace Ferry.Tests.Support;

/// <summary>Content without an end.</summary>
internal sealed class EndlessStream : MemoryStream
{
    public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) => ValueTask.FromResult(buffer.Length);
}
