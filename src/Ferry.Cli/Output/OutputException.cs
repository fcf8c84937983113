namespace Ferry.Cli.Output;

/// <summary>Standard output does not take what was to be written to it.</summary>
internal sealed class OutputException(Exception cause)
    : FerryException(FerryErrorCode.Internal, $"cannot write to standard output: {cause.Message}; send it somewhere with room, or leave --json out", cause);
