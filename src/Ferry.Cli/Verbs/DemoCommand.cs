using System.CommandLine;
using Ferry.Cli.Arguments;
using Ferry.Cli.Demo;

namespace Ferry.Cli.Verbs;

/// <summary><c>ferry demo [PATH...]</c></summary>
internal static class DemoCommand
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("PATH")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "Files and directories of your own to send. Default: this repository's, or a small tree made for it",
        };
        var command = new Command("demo", "Start a server, send real files to it, compare what arrived, clean up.") { paths };
        paths.Validators.Add(result =>
        {
            foreach (string path in result.Tokens.Select(token => token.Value).Where(path => !RawArguments.ToPath(path).TryGetString(out _)))
            {
                result.AddError($"the name {RawArguments.ToPath(path)} is not UTF-8, which the demo cannot pass on; ferry send takes any name");
            }
        });
        command.SetAction(async (result, _) =>
        {
            // A signal is heard until the directory is gone.
            using var signal = new EndSignal();
            using var directory = new DemoDirectory();
            return await new DemoRun(result.GetValue(paths) ?? [], directory, signal).RunAsync();
        });
        return command;
    }
}
