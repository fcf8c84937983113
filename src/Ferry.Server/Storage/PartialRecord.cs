using System.Formats.Cbor;
using System.IO.Hashing;

namespace Ferry.Server.Storage;

/// <summary>
/// What stands beside a partial file: whose it is, under which name it was sent, and what its source looked like. In the file: eight bytes with the
/// version, one CBOR array, the XXH128 of both. One that is torn, changed or of another version is none.
/// </summary>
/// <param name="User">The user that sent it, in the kernel's word.</param>
/// <param name="Name">The name it will be stored under, relative to the root.</param>
/// <param name="Size">Bytes of the whole file.</param>
/// <param name="Modified">The source's time of change, where the sender said it.</param>
/// <param name="Algorithm">The hash by which its sender compares.</param>
/// <param name="Begun">When it was begun.</param>
internal sealed record PartialRecord(uint User, FerryPath Name, long Size, FileTime? Modified, string Algorithm, DateTimeOffset Begun)
{
    /// <summary>The name takes most of it; longer than this is none of ours.</summary>
    public const int MostBytes = Wire.ProtocolLimits.MaxPathBytes + 1024;

    private const int HashBytes = 16;
    private const int Fields = 7;

    private static ReadOnlySpan<byte> Magic => "FERRYPT1"u8;

    public byte[] ToBytes()
    {
        var cbor = new CborWriter(CborConformanceMode.Canonical);
        cbor.WriteStartArray(Fields);
        cbor.WriteUInt32(User);
        cbor.WriteByteString(Name.Bytes);
        cbor.WriteInt64(Size);
        WriteOptional(cbor, Modified?.Seconds);
        WriteOptional(cbor, Modified?.Nanoseconds);
        cbor.WriteTextString(Algorithm);
        cbor.WriteInt64(Begun.ToUnixTimeMilliseconds());
        cbor.WriteEndArray();
        byte[] content = [.. Magic, .. cbor.Encode()];
        return [.. content, .. XxHash128.Hash(content)];
    }

    /// <summary>Reads a record; null when it is not one, whole and unchanged.</summary>
    public static PartialRecord? TryRead(ReadOnlyMemory<byte> bytes)
    {
        if (bytes.Length > MostBytes || bytes.Length < Magic.Length + HashBytes || !bytes.Span.StartsWith(Magic)
            || !XxHash128.Hash(bytes.Span[..^HashBytes]).AsSpan().SequenceEqual(bytes.Span[^HashBytes..]))
        {
            return null;
        }
        try
        {
            return Read(new CborReader(bytes[Magic.Length..^HashBytes], CborConformanceMode.Canonical));
        }
        catch (Exception e) when (e is CborContentException or InvalidOperationException or OverflowException or FormatException or ArgumentException or FerryException)
        {
            // Somebody wrote it on purpose: the hash is right.
            return null;
        }
    }

    private static PartialRecord? Read(CborReader cbor)
    {
        if (cbor.ReadStartArray() != Fields)
        {
            return null;
        }
        uint user = cbor.ReadUInt32();
        FerryPath name = Files.StoredName.Parse(FerryPath.FromBytes(cbor.ReadByteString())).Path;
        long size = cbor.ReadInt64();
        long? seconds = ReadOptional(cbor);
        long? nanoseconds = ReadOptional(cbor);
        string algorithm = cbor.ReadTextString();
        DateTimeOffset begun = DateTimeOffset.FromUnixTimeMilliseconds(cbor.ReadInt64());
        cbor.ReadEndArray();
        FileTime? modified = seconds is { } known ? new FileTime(known, checked((uint)(nanoseconds ?? 0))) : null;
        return size > 0 && cbor.BytesRemaining == 0 ? new PartialRecord(user, name, size, modified, algorithm, begun) : null;
    }

    private static void WriteOptional(CborWriter cbor, long? number)
    {
        if (number is { } known)
        {
            cbor.WriteInt64(known);
        }
        else
        {
            cbor.WriteNull();
        }
    }

    private static long? ReadOptional(CborReader cbor)
    {
        if (cbor.PeekState() != CborReaderState.Null)
        {
            return cbor.ReadInt64();
        }
        cbor.ReadNull();
        return null;
    }
}
