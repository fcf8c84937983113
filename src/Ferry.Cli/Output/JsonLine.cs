using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Ferry.Native;
using Ferry.Server.Storage;

namespace Ferry.Cli.Output;

/// <summary>Writes one JSON object a line to standard output.</summary>
internal static class JsonLine
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };
    private static readonly Lock Gate = new();

    private const int StandardOutput = 1;

    /// <exception cref="OutputException">Standard output does not take it.</exception>
    public static void Write(Receipt receipt) => Write(json =>
    {
        WriteName(json, receipt.Name);
        json.WriteString("kind", receipt.Kind == EntryKind.Directory ? "directory" : "file");
        json.WriteString("result", receipt.Result.WireName());
        json.WriteNumber("size", receipt.Size);
        json.WriteString("hash", receipt.Hash);
        json.WriteString("checked", receipt.Checked.WireName());
        json.WriteString("level", receipt.Level?.WireName());
        json.WriteString("how", receipt.How.WireName());
        json.WriteBoolean("replayed", receipt.Replayed);
        if (receipt.ResumedFrom is { } offset)
        {
            json.WriteNumber("resumed_from", offset);
        }
        else
        {
            json.WriteNull("resumed_from");
        }
        json.WriteString("code", receipt.Code?.WireName());
        json.WriteString("reason", receipt.Reason);
    });

    /// <exception cref="OutputException">Standard output does not take it.</exception>
    public static void Write(FerryException error) => Write(json =>
    {
        json.WriteString("error", error.Code.WireName());
        json.WriteString("reason", error.Message);
    });

    /// <exception cref="OutputException">Standard output does not take it.</exception>
    public static void Write(PartialListing partial) => Write(json =>
    {
        WriteName(json, partial.Record.Name);
        json.WriteNumber("bytes", partial.Length);
        json.WriteNumber("size", partial.Record.Size);
        json.WriteNumber("user", partial.Record.User);
        json.WriteString("last_write", partial.LastWrite.UtcDateTime);
        json.WriteBoolean("arriving", partial.IsArriving);
    });

    private static void WriteName(Utf8JsonWriter json, FerryPath path)
    {
        if (path.TryGetString(out string? name))
        {
            json.WriteString("name", name);
        }
        else
        {
            json.WriteString("name", path.ToString());
            json.WriteBase64String("name_base64", path.Bytes);
        }
    }

    private static void Write(Action<Utf8JsonWriter> writeFields)
    {
        var line = new ArrayBufferWriter<byte>(256);
        using (var json = new Utf8JsonWriter(line, Options))
        {
            json.WriteStartObject();
            writeFields(json);
            json.WriteEndObject();
        }
        line.Write("\n"u8);
        lock (Gate)
        {
            // A number that was closed at the start may belong to something of our own by now, which would take the line and say nothing.
            if (!DescriptorCalls.IsInherited(StandardOutput))
            {
                throw new OutputException(new IOException("it is closed"));
            }
            try
            {
                using Stream output = Console.OpenStandardOutput();
                output.Write(line.WrittenSpan);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException)
            {
                throw new OutputException(e);
            }
        }
    }
}
