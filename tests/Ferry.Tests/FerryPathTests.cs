using Xunit;

namespace Ferry.Tests;

public sealed class FerryPathTests
{
    [Fact]
    public void Bytes_that_are_not_UTF_8_survive_and_are_shown_escaped()
    {
        FerryPath path = FerryPath.FromBytes([(byte)'a', 0xE9, (byte)'\n', 0x1B]);

        Assert.Equal("a\\xE9\\n\\x1B", path.ToString());
        Assert.Equal(4, path.Bytes.Length);
        Assert.False(path.TryGetString(out _));
    }

    [Fact]
    public void Text_that_would_reorder_a_line_is_shown_escaped() => Assert.Equal("a\\u202Eb", ((FerryPath)"a\u202Eb").ToString());
}
