using Microsoft.Extensions.Options;

namespace Ferry.Server;

/// <summary>Checks options before anything is opened, so that a wrong one is named and not met later.</summary>
internal sealed class FerryServerOptionsValidator : IValidateOptions<FerryServerOptions>
{
    private const UnixFileMode AllAccess = (UnixFileMode)0x1FF; // 0777

    private static readonly TimeSpan LeastStall = TimeSpan.FromMilliseconds(Wire.Greeting.LeastStallMilliseconds);
    private static readonly TimeSpan LongestTimer = TimeSpan.FromMilliseconds(int.MaxValue);

    public ValidateOptionsResult Validate(string? name, FerryServerOptions options)
    {
        List<string> faults = [.. Faults(options)];
        return faults.Count == 0 ? ValidateOptionsResult.Success : ValidateOptionsResult.Fail(faults);
    }

    /// <exception cref="FerryException">An option is out of its range (<see cref="FerryErrorCode.Usage"/>).</exception>
    public static void Check(FerryServerOptions options)
    {
        List<string> faults = [.. Faults(options)];
        if (faults.Count > 0)
        {
            throw new FerryException(FerryErrorCode.Usage, string.Join("; ", faults));
        }
    }

    private static IEnumerable<string> Faults(FerryServerOptions options)
    {
        if (options.Root.Length == 0)
        {
            yield return "Root is empty; give the directory to receive into";
        }
        if (options.Address.Length == 0)
        {
            yield return "Address is empty; give the path of the socket";
        }
        else if (AddressFault(options.Address) is { } fault)
        {
            yield return fault;
        }
        if (!Enum.IsDefined(options.Existing) || !Enum.IsDefined(options.Durability))
        {
            yield return $"Existing is {options.Existing} and Durability is {options.Durability}; give names that exist";
        }
        if (options.Mode is { } mode && (mode & ~AllAccess) != 0)
        {
            yield return $"Mode is {mode}; give permissions of user, group and others only, in configuration by name (UserRead, UserWrite): a number there is decimal";
        }
        if (options.MaxConnections < 1)
        {
            yield return $"MaxConnections is {options.MaxConnections}; give at least 1";
        }
        if (options.MaxFileSize < 0)
        {
            yield return $"MaxFileSize is {options.MaxFileSize}; give a number of bytes, or null for no limit";
        }
        if (options.ReserveFree < 0)
        {
            yield return $"ReserveFree is {options.ReserveFree}; give a number of bytes, 0 for none";
        }
        if (!IsInRange(options.StallTimeout, LeastStall) || !IsInRange(options.PlainStallTimeout, LeastStall))
        {
            yield return "a stall time-out is out of range; give at least 100 ms and at most 24 days, or the infinite time span";
        }
        if (!IsInRange(options.KeepPartials, TimeSpan.Zero))
        {
            yield return $"KeepPartials is {options.KeepPartials}; give zero or more, at most 24 days, or the infinite time span";
        }
        if (options.MaxPartials < 0)
        {
            yield return $"MaxPartials is {options.MaxPartials}; give a number of bytes";
        }
        if (!IsInRange(options.Grace, TimeSpan.Zero))
        {
            yield return $"Grace is {options.Grace}; give zero or more, at most 24 days, or the infinite time span";
        }
    }

    private static string? AddressFault(string text)
    {
        try
        {
            FerryAddress address = text;
            return address.Scheme == FerryScheme.Unix ? null : $"{address}: a server serves both protocols at one address; give the path alone";
        }
        catch (FerryException e)
        {
            return e.Message;
        }
    }

    private static bool IsInRange(TimeSpan time, TimeSpan least) => time == Timeout.InfiniteTimeSpan || (time >= least && time <= LongestTimer);
}
