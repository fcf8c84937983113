namespace Ferry.Wire;

/// <summary>
/// Received bytes. The reader owns them, and whoever still works with a frame in them shares them: the buffer is used again only when the last
/// one has released it.
/// </summary>
internal sealed class FrameBuffer
{
    private readonly bool pooled;
    private int users = 1;
    private Action? freed;

    private FrameBuffer(byte[] bytes, bool pooled)
    {
        Bytes = bytes;
        this.pooled = pooled;
    }

    public byte[] Bytes { get; }

    /// <summary>True while somebody beside its owner uses it: what was read must stay where it is.</summary>
    public bool IsShared => Volatile.Read(ref users) > 1;

    /// <summary>One of the shared large buffers, see <see cref="FrameBuffers"/>.</summary>
    public static FrameBuffer Rent(int least) => new(FrameBuffers.Rent(least), pooled: true);

    /// <summary>One of another size.</summary>
    public static FrameBuffer Allocate(int size) => new(GC.AllocateUninitializedArray<byte>(size), pooled: false);

    /// <summary>One more user, who releases it once.</summary>
    public void Share() => Interlocked.Increment(ref users);

    public void Release()
    {
        if (Interlocked.Decrement(ref users) > 0)
        {
            return;
        }
        if (pooled)
        {
            FrameBuffers.Return(Bytes);
        }
        freed?.Invoke();
    }

    /// <summary>Gives up the owner's share.</summary>
    /// <param name="whenFree">Called once nobody uses it any more, perhaps at once.</param>
    public void Release(Action whenFree)
    {
        freed = whenFree;
        Release();
    }
}
