using Ferry.Transport;
using Ferry.Wire;
using Microsoft.Win32.SafeHandles;

namespace Ferry.Tests.Support;

/// <summary>A sender by hand that also passes descriptors, as truthfully as a test wants.</summary>
internal sealed class DescriptorPeer : IDisposable
{
    private static readonly Greeting Greeting = ScriptedPeer.Truthful with { Capabilities = [Greeting.Descriptors] };

    private readonly UnixStream stream;

    public DescriptorPeer(Stream stream)
    {
        this.stream = (UnixStream)stream;
        this.stream.AcceptDescriptors();
        Script = new ScriptedPeer(stream);
    }

    /// <summary>For all that needs no descriptor.</summary>
    public ScriptedPeer Script { get; }

    /// <summary>Greets and answers the proof: rightly, wrongly, or (null) not at all.</summary>
    public async Task GreetAsync(bool? answer = true)
    {
        await Script.GreetFirstAsync(Greeting);
        await Script.ReadAsync(FrameType.Proof);
        if (answer is not { } right)
        {
            return;
        }
        using ReceivedDescriptors received = stream.TakeDescriptors(0, long.MaxValue)!;
        using SafeFileHandle file = received.Take(0);
        byte[] bytes = new byte[Proof.Size];
        RandomAccess.Read(file, bytes, 0);
        await Script.SendAsync(0, new Proof(right ? bytes : new byte[Proof.Size]));
    }

    public Task OfferAsync(uint entry, long size) => Script.SendAsync(entry, new Offer(EntryKind.File, "name", size, default, null, true));

    public Task PassAsync(uint[] entries, SafeFileHandle[] files) =>
        files.Length == 0 ? Script.SendAsync(0, new Pass(entries)) : SendAttachedAsync(new Pass(entries), 0, files);

    public Task SendAttachedAsync<TMessage>(TMessage message, uint entry, SafeFileHandle[] files)
        where TMessage : IMessage => SendAttachedAsync(ScriptedPeer.Frame(TMessage.Type, entry, ScriptedPeer.Encode(message)), files);

    public async Task SendAttachedAsync(byte[] frame, SafeFileHandle[] files) => await stream.WriteAsync(frame, files, CancellationToken.None);

    public void Dispose() => Script.Dispose();
}
