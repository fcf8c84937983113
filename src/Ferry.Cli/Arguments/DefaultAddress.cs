using Ferry.Native;

namespace Ferry.Cli.Arguments;

/// <summary>The address when none is given: FERRY_SOCKET, else a socket in a directory of its own. Nothing falls back to /tmp.</summary>
internal static class DefaultAddress
{
    private const uint Private = 0x1C0; // 0700

    /// <summary>The address to use.</summary>
    /// <param name="given">What <c>--at</c> says; null when it is absent.</param>
    /// <exception cref="FerryException">Nothing says where (<see cref="FerryErrorCode.Usage"/>).</exception>
    public static FerryAddress Find(string? given)
    {
        if (given is not null)
        {
            return FerryAddress.Parse(RawArguments.ToPath(given));
        }
        if (Environment.GetEnvironmentVariable("FERRY_SOCKET") is { Length: > 0 } address)
        {
            return FerryAddress.Parse(address);
        }
        return new FerryAddress(FerryScheme.Unix, Path.Combine(RuntimeDirectory(), "ferry", "ferry.sock"));
    }

    /// <summary>Makes the directory of the default address, mode 0700, where it is missing; the one above it must be there.</summary>
    public static void MakeDirectory()
    {
        FerryPath directory = Path.Combine(RuntimeDirectory(), "ferry");
        int error = FileCalls.MakeDirectory(FileCalls.WorkingDirectory, directory.Bytes, Private);
        if (error is not (0 or Errno.EEXIST))
        {
            throw new FerryException(FerryErrorCode.Usage, $"cannot make {directory} for the socket: {Errno.Describe(error)}; give another place with --at");
        }
    }

    private static string RuntimeDirectory()
    {
        uint user = ProcessCalls.EffectiveUser;
        if (user == 0)
        {
            return "/run";
        }
        if (Environment.GetEnvironmentVariable("XDG_RUNTIME_DIR") is { Length: > 0 } runtime)
        {
            return runtime;
        }
        string directory = $"/run/user/{user}";
        return FileCalls.GetTargetStatus(FileCalls.WorkingDirectory, FerryPath.FromString(directory).Bytes, out FileStatus status) == 0 && status.User == user
            ? directory
            : throw new FerryException(FerryErrorCode.Usage, $"no place for the socket is known: FERRY_SOCKET and XDG_RUNTIME_DIR are unset and {directory} is not yours; give the address with --at");
    }
}
