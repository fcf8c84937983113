using Ferry.Tests.Support;
using Xunit;

namespace Ferry.Tests.Listening;

/// <summary>Servers in name spaces of their own, as in containers, with clients outside.</summary>
[Trait("Category", "EndToEnd")]
public sealed class NameSpaceTests : IDisposable
{
    private readonly TestDirectory directory = new();

    [Fact]
    public async Task A_peer_whose_process_the_server_cannot_see_is_judged_by_its_user()
    {
        string[] wrapper = ["unshare", "--pid", "--fork", "--kill-child"];
        Needs.Unsharing(wrapper[1..]);
        await using FerryServerProcess server = await StartAsync(wrapper, "--allow-user", "12345");

        string own = await PlainPeer.DeliverAsync(directory["socket"], "file", [1]);
        FerryResult stranger = await SendAsAsync("54321");

        Assert.StartsWith("Stored 1 bytes ", own, StringComparison.Ordinal);
        await server.WaitForLogAsync("Connection established! uid 0, gid 0, pid 0");
        Assert.Equal(4, stranger.ExitCode);
        Assert.Contains("you are uid 54321", stranger.Errors, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Users_that_the_server_cannot_tell_apart_are_let_in_by_the_sockets_mode_alone()
    {
        string[] wrapper = ["unshare", "--user", "--map-root-user"];
        Needs.Unsharing(wrapper[1..]);
        await using (await StartAsync(wrapper, "--mode", "0666", "--allow-user", "54321"))
        {
            FerryResult refused = await SendAsAsync("54321");

            Assert.Equal(4, refused.ExitCode);
            Assert.Contains("you are uid 65534", refused.Errors, StringComparison.Ordinal);
            Assert.Contains("--allow-anyone", refused.Errors, StringComparison.Ordinal);
        }
        await using FerryServerProcess open = await StartAsync(wrapper, "--mode", "0666", "--allow-anyone");

        FerryResult stored = await SendAsAsync("54321");

        Assert.True(stored.ExitCode == 0, stored.ToString());
    }

    public void Dispose() => directory.Dispose();

    private Task<FerryServerProcess> StartAsync(string[] wrapper, params string[] options) => FerryServerProcess.StartAsync(
        new FerryCommand(["serve", directory["root"], "--at", directory["socket"], .. options.Select(option => (FerryPath)option)]) { Wrapper = wrapper });

    private Task<FerryResult> SendAsAsync(string user) => FerryProcess.RunAsync(
        new FerryCommand("send", "-", "--as", "stdin", "--at", directory["socket"])
        {
            Wrapper = ["setpriv", $"--reuid={user}", "--regid=60000", "--clear-groups", "--"],
        });
}
