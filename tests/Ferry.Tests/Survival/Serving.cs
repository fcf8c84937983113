using Ferry.Tests.Support;

namespace Ferry.Tests.Survival;

/// <summary>The server that is disturbed. It keeps next to no space free, because the file systems are small.</summary>
internal static class Serving
{
    /// <param name="root">What is served.</param>
    /// <param name="socket">Where.</param>
    /// <param name="wrapper">As <see cref="FerryCommand.Wrapper"/>.</param>
    /// <param name="options">More options.</param>
    public static Task<FerryServerProcess> StartAsync(string root, string socket, string[] wrapper, params string[] options) => FerryServerProcess.StartAsync(
        new FerryCommand(["serve", root, "--at", socket, "--reserve-free", "1K", .. options.Select(option => (FerryPath)option)]) { Wrapper = wrapper });
}
