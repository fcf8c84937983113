using System.Diagnostics;
using System.Text.Json;
using Ferry.Tests.Support;

namespace Ferry.Tests.Survival;

/// <summary>A run of <c>ferry send --json</c> whose receipts go into the ledger the moment they are printed.</summary>
/// <param name="ExitCode">128+N when signal N ended it.</param>
/// <param name="Refusals">The codes of the receipts that do not say stored, and of what ended the run.</param>
/// <param name="GoneOn">How many receipts are given once more, or are of files that had arrived in part before.</param>
/// <param name="Errors">What it wrote to standard error.</param>
internal sealed record Sending(int ExitCode, string[] Refusals, int GoneOn, string Errors)
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    /// <param name="scenario">Whose receipts these are.</param>
    /// <param name="arguments">What <see cref="Scenario.Prepare"/> gave.</param>
    /// <param name="socket">Where the server listens.</param>
    /// <param name="ledger">Where receipts are noted.</param>
    /// <param name="moment">Asked when a receipt has been read.</param>
    /// <param name="wrapper">As <see cref="FerryCommand.Wrapper"/>.</param>
    public static async Task<Sending> RunAsync(
        Scenario scenario, string[] arguments, string socket, Ledger ledger, Func<long> moment, string[]? wrapper = null)
    {
        string address = scenario.IsPlain ? $"plain:{socket}" : socket;
        var command = new FerryCommand([.. new[] { "send", "--at", address, "--json" }.Concat(arguments).Select(argument => (FerryPath)argument)]) { Wrapper = wrapper ?? [] };
        using Process process = command.Start();
        process.StandardInput.Close();
        using var timeout = new CancellationTokenSource(Patience);
        try
        {
            Task<string> errors = process.StandardError.ReadToEndAsync(timeout.Token);
            List<string> refusals = [];
            int goneOn = 0;
            while (await process.StandardOutput.ReadLineAsync(timeout.Token) is string line)
            {
                JsonElement receipt = JsonDocument.Parse(line).RootElement;
                Note(receipt, scenario, ledger, moment(), refusals);
                goneOn += HasGoneOn(receipt) ? 1 : 0;
            }
            await process.WaitForExitAsync(timeout.Token);
            return new Sending(process.ExitCode, [.. refusals], goneOn, await errors);
        }
        catch (OperationCanceledException)
        {
            process.Kill(entireProcessTree: true);
            throw new TimeoutException($"{command} did not end within {Patience}");
        }
    }

    public override string ToString() => $"exit code {ExitCode}, codes {string.Join(' ', Refusals)}: {Errors}";

    private static bool HasGoneOn(JsonElement receipt) =>
        (receipt.TryGetProperty("replayed", out JsonElement replayed) && replayed.GetBoolean()) ||
        (receipt.TryGetProperty("resumed_from", out JsonElement from) && from.ValueKind == JsonValueKind.Number);

    private static void Note(JsonElement receipt, Scenario scenario, Ledger ledger, long moment, List<string> refusals)
    {
        if (receipt.TryGetProperty("error", out JsonElement error))
        {
            refusals.Add(error.GetString()!);
            return;
        }
        string name = receipt.GetProperty("name").GetString()!;
        switch (receipt.GetProperty("result").GetString())
        {
            case "stored" when ledger.Knows(name):
                if (scenario.HasKey && ledger.HasAcknowledged(name) && !receipt.GetProperty("replayed").GetBoolean())
                {
                    refusals.Add($"{name} was stored a second time");
                }
                ledger.Acknowledge(name, moment);
                break;
            case "stored":
                ledger.AcknowledgeDirectory(name, moment);
                break;
            case "held":
                break;
            default:
                refusals.Add(receipt.GetProperty("code").GetString() ?? "none");
                break;
        }
    }
}
