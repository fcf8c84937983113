using System.Text;
using Ferry.Native;
using Ferry.Tests.Support;
using Microsoft.Win32.SafeHandles;
using Xunit;

namespace Ferry.Tests.Native;

public sealed class FileCallsTests : IDisposable
{
    private readonly TestDirectory directory = new();

    public void Dispose() => directory.Dispose();

    [Fact]
    public void A_file_is_written_flushed_renamed_and_read_back()
    {
        using SafeFileHandle parent = OpenParent();
        Assert.Equal(0, FileCalls.Open(parent, "a"u8, OpenFlags.ReadWrite | OpenFlags.Create | OpenFlags.Exclusive, 0x180, out SafeFileHandle file));
        using (file)
        {
            Assert.Equal(0, FileCalls.WriteAll(file, "hello"u8, 0));
            Assert.Equal(0, FileCalls.SetMode(file, 0x1A4));
            Assert.Equal(0, FileCalls.SetModified(file, 1_000_000_000, 123_456_789));
            Assert.Equal(0, FileCalls.Flush(file));
        }
        Assert.Equal(0, FileCalls.RenameNew(parent, "a"u8, parent, "b"u8));

        Assert.Equal(0, FileCalls.GetStatus(parent, "b"u8, out FileStatus status));
        Assert.True(status.IsRegularFile);
        Assert.Equal(5, status.Size);
        Assert.Equal(0x1A4u, status.Permissions);
        Assert.Equal(new TimeStamp(1_000_000_000, 123_456_789), status.Modified);
        Assert.Equal("hello", File.ReadAllText(directory["b"]));
    }

    [Fact]
    public void A_directory_is_listed_with_every_name_and_without_the_dots()
    {
        string[] names = [.. Enumerable.Range(0, 500).Select(number => $"file{number}"), new string('x', 255)];
        foreach (string name in names)
        {
            File.WriteAllText(directory[name], "");
        }
        using SafeFileHandle parent = OpenParent();
        var found = new List<string>();
        byte[] buffer = new byte[1024];
        int length;
        do
        {
            Assert.Equal(0, FileCalls.ReadDirectory(parent, buffer, out length));
            ReadOnlySpan<byte> entries = buffer.AsSpan(0, length);
            while (DirectoryEntry.TryTake(ref entries, out DirectoryEntry entry))
            {
                found.Add(Encoding.UTF8.GetString(entry.Name));
            }
        }
        while (length > 0);

        Assert.Equal(names.Order(), found.Order());
    }

    [Fact]
    public void A_symbolic_link_on_the_way_and_a_climb_out_are_refused_by_openat2()
    {
        Directory.CreateDirectory(directory["real"]);
        File.CreateSymbolicLink(directory["link"], "real");
        using SafeFileHandle parent = OpenParent();
        var how = new OpenHow(OpenFlags.ReadOnly | OpenFlags.Directory, 0, ResolveFlags.Beneath | ResolveFlags.NoSymbolicLinks);

        Assert.Equal(Errno.ELOOP, FileCalls.Open(parent, "link"u8, how, out _));
        Assert.Equal(Errno.EXDEV, FileCalls.Open(parent, ".."u8, how, out _));
        Assert.Equal(0, FileCalls.Open(parent, "real"u8, how, out SafeFileHandle real));
        real.Dispose();
    }

    [Theory]
    [InlineData(255)]
    [InlineData(510)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(4095)]
    public void A_path_of_any_length_reaches_the_kernel_whole(int length)
    {
        byte[] path = new byte[length];
        path.AsSpan().Fill((byte)'x');
        for (int at = 200; at < length - 1; at += 200)
        {
            path[at] = (byte)'/';
        }
        using SafeFileHandle parent = OpenParent();
        for (int end = 200; end < length; end += 200)
        {
            Assert.Equal(0, FileCalls.MakeDirectory(parent, path.AsSpan(0, end), 0x1C0));
        }
        Assert.Equal(0, FileCalls.MakeDirectory(parent, path, 0x1C0));

        Assert.Equal(0, FileCalls.GetStatus(parent, path, out FileStatus status));
        Assert.True(status.IsDirectory);
    }

    [Fact]
    public void A_path_that_holds_a_NUL_is_never_passed_on_cut_short()
    {
        using SafeFileHandle parent = OpenParent();
        Assert.Throws<ArgumentException>(() => { FileCalls.GetStatus(parent, "a\0b"u8, out _); });
    }

    private SafeFileHandle OpenParent()
    {
        Assert.Equal(0, FileCalls.Open(
            FileCalls.WorkingDirectory, Encoding.UTF8.GetBytes(directory.Path), OpenFlags.ReadOnly | OpenFlags.Directory, 0, out SafeFileHandle handle));
        return handle;
    }
}
