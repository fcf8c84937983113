namespace Ferry.Tests.Support;

/// <summary>A server after another start of the machine, as it were: /proc says so to it alone.</summary>
internal static class AnotherBoot
{
    /// <param name="identity">A file for the number of the boot, which is made.</param>
    /// <returns>As <see cref="FerryCommand.Wrapper"/>.</returns>
    public static string[] Wrapper(string identity)
    {
        Needs.Mounting();
        File.WriteAllText(identity, $"{Guid.NewGuid()}\n");
        return ["unshare", "--mount", "sh", "-c", "mount --bind \"$0\" /proc/sys/kernel/random/boot_id && exec \"$@\"", identity];
    }
}
