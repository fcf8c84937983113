using System.Diagnostics;
using System.Text.Json;

namespace Ferry.Soak;

/// <summary>Clients that are processes of their own, and are killed.</summary>
internal sealed class CommandClients(ServerProcess server, Contents contents, Ledger ledger)
{
    private const int MostFiles = 30;

    /// <summary>A tree, sent by the command. What it wrote before it was killed counts.</summary>
    public async Task SendAsync(string into, bool isKilled)
    {
        string tree = contents.MakeTree(into, Random.Shared.Next(1, MostFiles));
        try
        {
            string[] streamed = Random.Shared.Next(2) == 0 ? ["--no-descriptors"] : [];
            using Process process = Process.Start(new ProcessStartInfo(server.Ferry, ["send", tree, "--at", server.Socket, "--json", "--quiet", .. streamed])
            {
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            })!;
            Task<string> output = process.StandardOutput.ReadToEndAsync();
            Task<string> errors = process.StandardError.ReadToEndAsync();
            if (isKilled)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(Random.Shared.NextDouble() * 100));
                process.Kill();
            }
            await process.WaitForExitAsync();
            if (!isKilled && process.ExitCode != 0)
            {
                ledger.Fault($"{into}: exit code {process.ExitCode}: {await errors}");
            }
            CheckLines(await output);
            ledger.CheckWhole(into);
        }
        finally
        {
            Directory.Delete(tree, recursive: true);
        }
    }

    private void CheckLines(string output)
    {
        // A killed process may have left half a line.
        foreach (string line in output.Split('\n')[..^1])
        {
            JsonElement receipt = JsonDocument.Parse(line).RootElement;
            if (receipt.TryGetProperty("result", out JsonElement result) && result.GetString() == "stored" && receipt.GetProperty("kind").GetString() == "file")
            {
                ledger.CheckReceipt(receipt.GetProperty("name").GetString()!, receipt.GetProperty("size").GetInt64(), receipt.GetProperty("hash").GetString());
            }
        }
    }
}
