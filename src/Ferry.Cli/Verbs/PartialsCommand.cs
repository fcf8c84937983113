using System.CommandLine;
using Ferry.Cli.Arguments;

namespace Ferry.Cli.Verbs;

/// <summary><c>ferry partials DIR</c></summary>
internal static class PartialsCommand
{
    public static Command Create()
    {
        var directory = new Argument<string>("DIR") { Description = "The served directory" };
        var names = new Argument<string[]>("NAME")
        {
            Arity = ArgumentArity.ZeroOrMore,
            Description = "Names of files at the server. Default: all of them",
        };
        var remove = new Option<bool>("--remove") { Description = "Remove the parts, but for those of files that arrive now. Default: they are listed" };
        Option<bool> json = Options.Json();

        var command = new Command("partials", "List the parts of files that arrived before their connection broke and wait to be gone on with.")
        {
            directory, names, remove, json,
        };
        command.SetAction((result, _) => Task.FromResult(new PartialsRun
        {
            Directory = RawArguments.ToPath(result.GetRequiredValue(directory)),
            Names = [.. (result.GetValue(names) ?? []).Select(RawArguments.ToPath)],
            Remove = result.GetValue(remove),
            Json = result.GetValue(json),
        }.Run()));
        return command;
    }
}
