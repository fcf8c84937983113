using Ferry.Server;
using Ferry.Tests.Support;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Xunit;

namespace Ferry.Tests.Server;

/// <summary>Servers inside a program: by themselves, and in a host.</summary>
public sealed class HostingTests : IDisposable
{
    private readonly TestDirectory directory = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_host_runs_several_servers_and_stops_them()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        foreach (string name in (string[])["a", "b"])
        {
            builder.Services.AddFerryServer(name, options => (options.Root, options.Address) = (directory[name], directory[name + ".sock"]));
        }
        using IHost host = builder.Build();
        await host.StartAsync(Cancel);

        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["a.sock"], "to-a", [1]), StringComparison.Ordinal);
        Assert.StartsWith("Stored", await PlainPeer.DeliverAsync(directory["b.sock"], "to-b", [2]), StringComparison.Ordinal);
        await host.StopAsync(Cancel);

        Assert.True(File.Exists(directory["a/to-a"]) && File.Exists(directory["b/to-b"]));
        Assert.False(File.Exists(directory["a.sock"]) || File.Exists(directory["b.sock"]));
    }

    [Fact]
    public async Task Options_come_from_configuration()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Configuration.AddInMemoryCollection(new Dictionary<string, string?>
        {
            ["Inbox:Root"] = directory["root"],
            ["Inbox:Address"] = directory["socket"],
            ["Inbox:Existing"] = "Refuse",
            ["Inbox:PlainStallTimeout"] = "00:00:30",
            ["Inbox:Mode"] = "UserRead, UserWrite, GroupRead, GroupWrite",
            ["Inbox:AllowUsers:0"] = "12345",
        });
        builder.Services.AddOptions<FerryServerOptions>("inbox").Bind(builder.Configuration.GetSection("Inbox"));
        builder.Services.AddFerryServer("inbox");
        using IHost host = builder.Build();
        await host.StartAsync(Cancel);

        await PlainPeer.DeliverAsync(directory["socket"], "file", [1]);

        Assert.StartsWith("Refused exists: ", await PlainPeer.DeliverAsync(directory["socket"], "file", [2]), StringComparison.Ordinal);
        Assert.Equal("660", Tool.Run("stat", "-c", "%a", directory["socket"]).Trim());
        await host.StopAsync(Cancel);
    }

    [Fact]
    public async Task A_server_whose_host_did_not_start_is_stopped_with_it()
    {
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddFerryServer("good", options => (options.Root, options.Address) = (directory["root"], directory["socket"]));
        builder.Services.AddFerryServer("same root", options => (options.Root, options.Address) = (directory["root"], directory["other"]));
        using (IHost host = builder.Build())
        {
            await Assert.ThrowsAsync<FerryException>(() => host.StartAsync(Cancel));
        }

        Assert.False(File.Exists(directory["socket"]));
    }

    [Theory]
    [InlineData("Root is empty", "")]
    [InlineData("Address is empty", null, "")]
    [InlineData("names the unknown scheme 'http'", null, "http:x")]
    [InlineData("a server serves both protocols at one address", null, "plain:x")]
    [InlineData("MaxConnections is 0", null, null, 0)]
    [InlineData("stall time-out is out of range", null, null, null, 1)]
    [InlineData("give permissions of user, group and others only", null, null, null, null, 660)]
    public async Task A_wrong_option_is_named_before_anything_is_opened(
        string expected, string? root = null, string? address = null, int? connections = null, int? stallMilliseconds = null, int? mode = null)
    {
        var options = new FerryServerOptions { Root = root ?? directory["root"], Address = address ?? directory["socket"], Mode = (UnixFileMode?)mode };
        options.MaxConnections = connections ?? options.MaxConnections;
        options.StallTimeout = stallMilliseconds is { } time ? TimeSpan.FromMilliseconds(time) : options.StallTimeout;

        FerryException alone = await Assert.ThrowsAsync<FerryException>(() => FerryServer.StartAsync(options, cancellationToken: Cancel));
        HostApplicationBuilder builder = Host.CreateEmptyApplicationBuilder(null);
        builder.Services.AddFerryServer("wrong", wrong =>
            (wrong.Root, wrong.Address, wrong.MaxConnections, wrong.StallTimeout, wrong.Mode)
                = (options.Root, options.Address, options.MaxConnections, options.StallTimeout, options.Mode));
        using IHost host = builder.Build();
        OptionsValidationException hosted = await Assert.ThrowsAsync<OptionsValidationException>(() => host.StartAsync(Cancel));

        Assert.Equal(FerryErrorCode.Usage, alone.Code);
        Assert.Contains(expected, alone.Message, StringComparison.Ordinal);
        Assert.Contains(expected, hosted.Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(directory["root"]));
    }

    [Theory]
    [InlineData("KeepPartials is -00:00:05", -5, null)]
    [InlineData("MaxPartials is -1", null, -1)]
    public async Task What_is_kept_of_cut_transfers_cannot_be_less_than_nothing(string expected, int? keepSeconds, int? most)
    {
        var options = new FerryServerOptions { Root = directory["root"], Address = directory["socket"], MaxPartials = most };
        options.KeepPartials = keepSeconds is { } time ? TimeSpan.FromSeconds(time) : options.KeepPartials;

        FerryException e = await Assert.ThrowsAsync<FerryException>(() => FerryServer.StartAsync(options, cancellationToken: Cancel));

        Assert.Equal(FerryErrorCode.Usage, e.Code);
        Assert.Contains(expected, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_observer_hears_of_every_entry_and_of_the_end_and_silent_connections_are_none()
    {
        var observer = new Observer();
        await using FerryServer server = await FerryServer.StartAsync(
            new FerryServerOptions { Root = directory["root"], Address = directory["socket"] }, observers: [observer], cancellationToken: Cancel);
        using (var silent = new PlainPeer(directory["socket"]))
        {
            silent.HalfClose();
            Assert.Equal("", await silent.ReadToEndAsync());
        }

        await PlainPeer.DeliverAsync(directory["socket"], "file", [1, 2]);
        await PlainPeer.DeliverAsync(directory["socket"], "a/b", [1]);
        await server.StopAsync(Cancel);

        Assert.Equal([ReceiptResult.Stored, ReceiptResult.Refused], observer.Receipts.Select(receipt => receipt.Result));
        Assert.Equal([2, 0], observer.Receipts.Select(receipt => receipt.Size));
        Assert.Equal(2, observer.Ends.Count);
        Assert.All(observer.Ends, end => Assert.Null(end.Failure));
    }

    [Fact]
    public async Task A_server_can_be_stopped_and_disposed_more_than_once_and_its_place_taken_again()
    {
        var options = new FerryServerOptions { Root = directory["root"], Address = directory["socket"] };
        for (int i = 0; i < 3; i++)
        {
            FerryServer server = await FerryServer.StartAsync(options, cancellationToken: Cancel);
            await server.StopAsync(Cancel);
            await server.Completion;
            await server.DisposeAsync();
            await server.DisposeAsync();
        }
    }

    /// <summary>Not even a greeting has begun, so nothing else bounds it.</summary>
    [Fact]
    public void Who_says_nothing_at_all_is_waited_for_with_a_bound_whatever_the_stall_time_out()
    {
        Assert.Equal(TimeSpan.FromSeconds(60), new FerryServerOptions { StallTimeout = Timeout.InfiniteTimeSpan }.FirstByteTime);
        Assert.Equal(TimeSpan.FromMinutes(5), new FerryServerOptions { StallTimeout = TimeSpan.FromMinutes(5) }.FirstByteTime);
    }

    public void Dispose() => directory.Dispose();

    private sealed class Observer : IDeliveryObserver
    {
        public List<Receipt> Receipts { get; } = [];

        public List<DeliverySummary> Ends { get; } = [];

        public void Received(Receipt receipt) => Receipts.Add(receipt);

        public void Ended(DeliverySummary delivery) => Ends.Add(delivery);
    }
}
