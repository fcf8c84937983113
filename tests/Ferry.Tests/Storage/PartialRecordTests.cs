using CsCheck;
using Ferry.Server.Storage;
using Xunit;

namespace Ferry.Tests.Storage;

/// <summary>The record beside a part: read back as it was written, and never from anything else.</summary>
public sealed class PartialRecordTests
{
    private static readonly PartialRecord Record = new(1000, "a/größe", 123_456_789, new FileTime(-5, 999_999_999), ContentHash.XxHash, DateTimeOffset.FromUnixTimeMilliseconds(1_700_000_000_123));

    [Fact]
    public void What_was_written_is_read_back()
    {
        PartialRecord withoutTime = Record with { Modified = null, Name = FerryPath.FromBytes([0xFF, (byte)'/', 1]) };

        Assert.Equal(Record, PartialRecord.TryRead(Record.ToBytes()));
        Assert.Equal(withoutTime, PartialRecord.TryRead(withoutTime.ToBytes()));
    }

    [Fact]
    public void No_changed_bit_and_no_torn_record_is_taken()
    {
        byte[] bytes = Record.ToBytes();

        for (int bit = 0; bit < 8 * bytes.Length; bit++)
        {
            byte[] changed = [.. bytes];
            changed[bit / 8] ^= (byte)(1 << (bit % 8));
            Assert.Null(PartialRecord.TryRead(changed));
        }
        for (int length = 0; length < bytes.Length; length++)
        {
            Assert.Null(PartialRecord.TryRead(bytes.AsMemory(0, length)));
            Assert.Null(PartialRecord.TryRead((byte[])[.. bytes[..length], .. new byte[bytes.Length - length]]));
        }
        Assert.Null(PartialRecord.TryRead((byte[])[.. bytes, 0]));
    }

    /// <summary>Content that is wrong under a checksum that is right: written on purpose.</summary>
    [Fact]
    public void No_forged_content_is_more_than_no_record() => Gen.Byte.Array[0, 60].Sample(content =>
    {
        byte[] signed = [.. "FERRYPT1"u8, .. content];
        byte[] whole = [.. signed, .. System.IO.Hashing.XxHash128.Hash(signed)];
        PartialRecord? record = PartialRecord.TryRead(whole);
        return record is null || record.ToBytes().AsSpan().SequenceEqual(whole);
    });

    [Theory]
    [InlineData("../up")]
    [InlineData("/absolute")]
    [InlineData(".ferry/lock")]
    [InlineData("")]
    public void No_name_that_cannot_be_stored_is_taken(string name) => Assert.Null(PartialRecord.TryRead((Record with { Name = name }).ToBytes()));
}
