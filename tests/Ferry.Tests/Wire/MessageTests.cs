using System.Formats.Cbor;
using CsCheck;
using Ferry.Wire;
using Xunit;

namespace Ferry.Tests.Wire;

public sealed class MessageTests
{
    private static readonly Gen<FerryPath> GenPath = Gen.Byte.Array[0, 600].Select(bytes => FerryPath.FromBytes(bytes));

    [Fact]
    public void An_offer_reads_back_as_it_was_written() =>
        Gen.Select(Gen.Bool, GenPath, Gen.Long[0, long.MaxValue].Nullable(), Gen.UInt[0, EntryMetadata.ModeMask].Nullable(), Gen.Long, Gen.UInt[0, 999_999_999])
            .Sample((file, name, size, mode, seconds, nanoseconds) =>
            {
                var offer = new Offer(
                    file ? EntryKind.File : EntryKind.Directory,
                    name,
                    size,
                    new EntryMetadata(mode, mode is null ? null : new FileTime(seconds, nanoseconds)),
                    file ? Durability.Durable : null);
                return Offer.Read(MessageReader.NewCborReader(), Encode(offer)) == offer;
            });

    [Fact]
    public void A_receipt_reads_back_as_it_was_written() =>
        Gen.Select(Gen.Enum<ReceiptResult>(), GenPath, Gen.Byte.Array[16], Gen.Enum<FerryErrorCode>(), Gen.String[0, 300].Where(IsValid))
            .Sample((result, name, hash, code, reason) =>
            {
                var written = new ReceiptMessage(result, name, 7, hash, HashCheck.Both, Durability.Received, TransferMethod.Copied, code, reason);
                ReceiptMessage read = ReceiptMessage.Read(MessageReader.NewCborReader(), Encode(written));
                return read.Hash.AsSpan().SequenceEqual(hash) && read with { Hash = hash } == written;
            });

    [Fact]
    public void A_greeting_reads_back_as_it_was_written()
    {
        var written = new Greeting
        {
            Versions = [1, 2],
            Capabilities = ["store"],
            Limits = ProtocolLimits.Ours(1L << 40),
            StallTimeout = TimeSpan.FromSeconds(60),
            Hashes = ContentHash.Algorithms,
            Level = Durability.Durable,
            Software = "test",
        };

        Greeting read = Greeting.Read(MessageReader.NewCborReader(), Encode(written));

        Assert.Equivalent(written, read, strict: true);
    }

    [Fact]
    public void An_unknown_field_refuses_an_offer_as_unsupported()
    {
        FerryException e = Assert.Throws<FerryException>(() => Offer.Read(MessageReader.NewCborReader(), MapWith(19, 1)));

        Assert.Equal(FerryErrorCode.Unsupported, e.Code);
    }

    [Fact]
    public void An_unknown_hint_is_skipped()
    {
        Offer offer = Offer.Read(MessageReader.NewCborReader(), MapWith(-5, 1));

        Assert.Equal("n", offer.Name.ToString());
    }

    [Theory]
    [InlineData("", "empty")]
    [InlineData("A0", "no field")]
    [InlineData("A10101", "no name")]
    [InlineData("A2010102416E00", "bytes after the map")]
    [InlineData("A3010101010241", "cut short")]
    [InlineData("A301010101024100", "a key twice")]
    [InlineData("8101", "an array")]
    [InlineData("A20101026178", "text where bytes belong")]
    [InlineData("A301010241780320", "a negative size")]
    [InlineData("A301010241780419FFFF", "mode bits that do not travel")]
    [InlineData("A301010241780582001A3B9ACA00", "a billion nanoseconds")]
    [InlineData("A301010241780581 00", "half a time")]
    [InlineData("A2010102BB00000000FFFFFFFF", "a map with 2^32 items announced")]
    [InlineData("A20101025BFFFFFFFFFFFFFFFF", "a name of 2^64 bytes announced")]
    public void A_malformed_offer_ends_the_connection_clearly(string hex, string what)
    {
        FerryConnectionException e = Assert.Throws<FerryConnectionException>(
            () => Offer.Read(MessageReader.NewCborReader(), Convert.FromHexString(hex.Replace(" ", "", StringComparison.Ordinal))));

        Assert.True(e.Code is FerryErrorCode.Protocol or FerryErrorCode.Limit, $"{what}: {e.Code}");
    }

    [Fact]
    public void Random_bytes_never_raise_anything_but_a_ferry_exception() =>
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            CborReader cbor = MessageReader.NewCborReader();
            foreach (Action read in new Action[]
            {
                () => Offer.Read(cbor, bytes), () => End.Read(cbor, bytes), () => ReceiptMessage.Read(cbor, bytes),
                () => Failure.Read(cbor, bytes), () => Greeting.Read(cbor, bytes), () => EmptyMap.Read(cbor, "go", bytes),
            })
            {
                try
                {
                    read();
                }
                catch (FerryException)
                {
                    // The one way in which reading may fail.
                }
            }
        }, iter: 20_000);

    private static bool IsValid(string text) => !text.Any(char.IsSurrogate);

    private static byte[] MapWith(int key, int value)
    {
        var cbor = new CborWriter();
        cbor.WriteStartMap(3);
        cbor.WriteInt32(1);
        cbor.WriteInt32(1);
        cbor.WriteInt32(2);
        cbor.WriteByteString("n"u8);
        cbor.WriteInt32(key);
        cbor.WriteInt32(value);
        cbor.WriteEndMap();
        return cbor.Encode();
    }

    private static byte[] Encode<TMessage>(TMessage message)
        where TMessage : IMessage
    {
        var cbor = new CborWriter(CborConformanceMode.Lax, convertIndefiniteLengthEncodings: true);
        message.Write(cbor);
        return cbor.Encode();
    }
}
