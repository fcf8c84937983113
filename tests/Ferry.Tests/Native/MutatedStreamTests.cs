using CsCheck;
using Ferry.Tests.Support;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Native;

/// <summary>A sender's bytes, damaged at random: the session may refuse what it likes, but never crashes and never shows what was not sent whole.</summary>
public sealed class MutatedStreamTests
{
    private static readonly Dictionary<string, byte[]> Files = new()
    {
        ["small"] = "small content"u8.ToArray(),
        ["empty"] = [],
        ["folder/inside"] = [.. Enumerable.Range(0, 5_000).Select(i => (byte)i)],
        ["large"] = [.. Enumerable.Range(0, 100_000).Select(i => (byte)(i * 7))],
    };

    [Fact]
    public async Task Damaged_bytes_never_crash_a_session_and_never_become_a_file()
    {
        byte[] valid = await RecordAsync();
        Gen<(int Kind, int At, byte Value, int Length)> change = Gen.Select(Gen.Int[0, 4], Gen.Int[0, valid.Length - 1], Gen.Byte, Gen.Int[1, 64]);

        await change.Array[1, 3].SampleAsync(async changes =>
        {
            byte[] bytes = changes.Aggregate(valid, Damage);
            await using var pair = new NativePair(options => options.StallTimeout = TimeSpan.FromSeconds(5));
            Task draining = pair.ClientStream.CopyToAsync(Stream.Null);
            await SendAsync(pair.ClientStream, bytes);
            try
            {
                await pair.Session;
            }
            catch (FerryConnectionException)
            {
                // The one way in which a session may fail.
            }
            await ((Task)draining).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            AssertWhole(pair);
        }, iter: 400, threads: 2);
    }

    private static byte[] Damage(byte[] bytes, (int Kind, int At, byte Value, int Length) change)
    {
        int at = Math.Min(change.At, bytes.Length);
        int end = Math.Min(at + change.Length, bytes.Length);
        return change.Kind switch
        {
            0 when at < bytes.Length => [.. bytes[..at], (byte)(bytes[at] ^ change.Value), .. bytes[(at + 1)..]],
            1 => [.. bytes[..at], .. bytes[end..]],
            2 => [.. bytes[..end], .. bytes[at..]],
            3 => [.. bytes[..at], change.Value, .. bytes[at..]],
            _ => bytes[..at],
        };
    }

    private static async Task SendAsync(Stream stream, byte[] bytes)
    {
        try
        {
            await stream.WriteAsync(bytes);
            ((System.Net.Sockets.NetworkStream)stream).Socket.Shutdown(System.Net.Sockets.SocketShutdown.Send);
        }
        catch (IOException)
        {
            // The session gave up before it had read all of it.
        }
    }

    /// <summary>Names may be damaged and still be names; content may not.</summary>
    private static void AssertWhole(NativePair pair)
    {
        foreach (string path in Directory.EnumerateFiles(pair.Root, "*", SearchOption.AllDirectories).Where(path => !path.Contains("/.ferry/", StringComparison.Ordinal)))
        {
            byte[] content = File.ReadAllBytes(path);
            Assert.Contains(Files.Values, file => file.AsSpan().SequenceEqual(content));
        }
        Assert.Empty(Directory.EnumerateFiles(Path.Combine(pair.Root, ".ferry", "incoming"), "*", SearchOption.AllDirectories));
    }

    /// <summary>What a truthful sender writes. It does not wait for the go of the large file, which the session need not notice.</summary>
    private static async Task<byte[]> RecordAsync()
    {
        using var stream = new MemoryStream();
        using var peer = new ScriptedPeer(stream);
        await peer.SendAsync([.. Preface.Bytes, .. ScriptedPeer.Frame(FrameType.Greeting, 0, ScriptedPeer.Encode(ScriptedPeer.Truthful))]);
        await peer.OfferAsync(1, "folder", kind: EntryKind.Directory);
        uint entry = 2;
        foreach ((string name, byte[] content) in Files)
        {
            await peer.FileAsync(entry++, name, content);
        }
        await peer.SendAsync(1, End.WithoutContent);
        await peer.SendAsync(0, new Finish());
        return stream.ToArray();
    }
}
