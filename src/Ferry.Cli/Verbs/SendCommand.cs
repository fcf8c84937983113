using System.CommandLine;
using Ferry.Cli.Arguments;

namespace Ferry.Cli.Verbs;

/// <summary><c>ferry send PATH...</c></summary>
internal static class SendCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("PATH")
        {
            Arity = ArgumentArity.OneOrMore,
            Description = "Files and directories to send; - is standard input and needs --as",
        };
        Option<string?> at = Options.At("PATH, unix:PATH or plain:PATH");
        var into = new Option<string?>("--into") { Description = "Put everything inside this directory of the server's; it is created. Default: the served directory itself", HelpName = "REMOTE_DIR" };
        var name = new Option<string?>("--as") { Description = "Name the one PATH so at the server; . puts a directory's contents into the served directory. Default: its own name", HelpName = "REMOTE_NAME" };
        Option<Durability?> durability = Options.OneOf<Durability>("--durability", "Ask for this level; getting less is an error. Default: what the server gives");
        Option<TimeSpan?> wait = Options.Time("--wait", "Wait this long for the server to appear and answer. Default: not at all");
        Option<TimeSpan?> stall = Options.StallTime("Give up when the server says nothing for this long. Default: 60s; plain: 10m");
        Option<int?> retry = Options.Count("--retry", "Connect again up to so many times in a row when the connection is lost, or the server is busy, stopping or restarting. Default: not at all");
        retry.HelpName = "COUNT";
        var deliveryKey = new Option<string?>("--delivery-key") { Description = "Name this delivery: given again, what is stored already is not stored twice. Default: a new one with --retry, else none", HelpName = "KEY" };
        var noDescriptors = new Option<bool>("--no-descriptors") { Description = "Pass no open files to the server: stream all content. Default: they are passed" };
        var checksum = new Option<bool>("--checksum") { Description = "Have both sides read all content and compare, also where the server could clone or copy a file by itself. Default: only what is sent through the socket" };
        var atomic = new Option<bool>("--atomic") { Description = "Have each directory arrive whole or not at all, in the place of one with its name. Default: directories are merged" };
        Option<int?> jobs = Options.Count("--jobs", "Small files read at a time, 1 to 64. Default: half as many as there are cores");
        var skipSpecial = new Option<bool>("--skip-special") { Description = "Leave out symbolic links, sockets, FIFOs and devices inside trees without an error. Default: exit code 13" };
        Option<bool> json = Options.Json(), quiet = Options.Quiet(), verbose = Options.Verbose();

        var command = new Command("send", "Send files and directories, and know that they arrived.")
        {
            paths, at, into, name, durability, wait, stall, retry, deliveryKey, noDescriptors, checksum, atomic, jobs, skipSpecial, json, quiet, verbose,
        };
        command.SetAction((result, _) => new SendRun(new SendRequest
        {
            Paths = [.. result.GetRequiredValue(paths).Select(RawArguments.ToPath)],
            At = result.GetValue(at),
            Into = ToPath(result.GetValue(into)),
            As = ToPath(result.GetValue(name)),
            Durability = result.GetValue(durability),
            Wait = result.GetValue(wait) ?? TimeSpan.Zero,
            StallTimeout = result.GetValue(stall),
            Retries = result.GetValue(retry) ?? 0,
            DeliveryKey = ToPath(result.GetValue(deliveryKey)),
            Descriptors = !result.GetValue(noDescriptors),
            Checksum = result.GetValue(checksum),
            Atomic = result.GetValue(atomic),
            Jobs = result.GetValue(jobs),
            SkipSpecial = result.GetValue(skipSpecial),
            Json = result.GetValue(json),
            Quiet = result.GetValue(quiet),
            Verbose = result.GetValue(verbose),
        }).RunAsync());
        return command;
    }

    private static FerryPath? ToPath(string? argument) => argument is null ? default(FerryPath?) : RawArguments.ToPath(argument);
}
