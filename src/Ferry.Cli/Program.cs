using System.CommandLine;
using System.CommandLine.Help;
using Ferry;
using Ferry.Cli;
using Ferry.Cli.Arguments;
using Ferry.Cli.Output;
using Ferry.Cli.Verbs;
using Ferry.Native;

StandardDescriptors.Fill();

// Not a RootCommand: that takes its name from the file it runs from, and gives arguments in brackets a meaning.
var root = new Command("ferry", "Ferry moves files between processes that share a socket, and knows that they arrived.")
{
    ServeCommand.Create(), SendCommand.Create(), PartialsCommand.Create(), DemoCommand.Create(), new HelpOption { Recursive = true }, new VersionOption(),
};

ParseResult parsed = root.Parse(RawArguments.Read(args), new ParserConfiguration { EnablePosixBundling = false, ResponseFileTokenReplacer = null });
bool withoutVerb = parsed.CommandResult.Command == root && parsed.Errors.Count > 0;
string[] faults = withoutVerb ? [WithoutVerb(parsed.UnmatchedTokens)] :
[
    .. parsed.Errors.Select(error => error.Message),
    .. UnknownOptions.Find(parsed).Select(word => $"there is no option '{word}'; a path that begins with a hyphen is written ./{word}, or after --"),
];
if (faults.Length > 0)
{
    foreach (string fault in faults)
    {
        Messages.Error(EscapedText.FromBytes(RawArguments.ToPath(fault).Bytes));
    }
    Messages.Write($"Try: ferry {(withoutVerb ? "" : parsed.CommandResult.Command.Name + " ")}--help");
    return ExitCodes.Usage;
}
try
{
    return await parsed.InvokeAsync(new InvocationConfiguration { EnableDefaultExceptionHandler = false, ProcessTerminationTimeout = null });
}
catch (Exception e)
{
    Messages.Error($"internal error: {e.GetType().Name}: {e.Message}; please report it with the command that you gave");
    return ExitCodes.InternalError;
}

string WithoutVerb(IReadOnlyList<string> words) =>
    (words.Count > 0 ? $"there is no command '{words[0]}'" : "no command is given") + $"; the commands are {string.Join(", ", root.Subcommands.Select(command => command.Name))}";
