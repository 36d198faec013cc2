using System.Globalization;
using System.Runtime.InteropServices;
using System.Text.Json;
using Bramble.Api.Decoding;
using Bramble.Api.Quantities;
using Bramble.Api.Schemas;

namespace Bramble.Api.Protobuf;

/// <summary>Writes a JSON object as the message of its type. Values that Go keeps as plain values are always written, also when absent, zero or empty.</summary>
internal static class ProtobufEncoder
{
    public static void WriteStruct(ProtobufWriter writer, SchemaType type, JsonElement obj)
    {
        foreach (var entry in ProtobufPlan.Of(type).Entries)
        {
            if (entry.Inline is { } inline)
            {
                var start = writer.Begin(entry.Number);
                WriteStruct(writer, inline, obj);
                writer.End(start);
                continue;
            }
            var (field, wire) = (entry.Field!, entry.Wire!);
            var isThere = obj.ValueKind == JsonValueKind.Object && obj.TryGetProperty(field.Name, out var value) && value.ValueKind != JsonValueKind.Null;
            if (isThere) WriteField(writer, field, wire, obj.GetProperty(field.Name));
            else if (!field.IsPointer && !wire.IsRepeated) WriteZero(writer, field, wire);
        }
    }

    private static void WriteField(ProtobufWriter writer, SchemaField field, ProtobufField wire, JsonElement value)
    {
        if (wire.Wire == "map")
            WriteMap(writer, wire, value);
        else if (wire.IsRepeated)
        {
            if (value.ValueKind != JsonValueKind.Array) return;
            foreach (var item in value.EnumerateArray()) WriteValue(writer, wire.Number, wire.Wire, wire.Message, item);
        }
        else
            WriteValue(writer, wire.Number, wire.Wire, wire.Message, value);
    }

    private static void WriteMap(ProtobufWriter writer, ProtobufField wire, JsonElement map)
    {
        if (map.ValueKind != JsonValueKind.Object) return;
        foreach (var member in map.EnumerateObject().OrderBy(m => m.Name, StringComparer.Ordinal))
        {
            var start = writer.Begin(wire.Number);
            writer.Text(1, member.Name);
            WriteValue(writer, 2, wire.MapValueWire, wire.MapValueMessage, member.Value);
            writer.End(start);
        }
    }

    private static void WriteValue(ProtobufWriter writer, int number, string wire, string message, JsonElement value)
    {
        switch (wire)
        {
            case "string":
                writer.Text(number, value.ValueKind == JsonValueKind.String ? value.GetString()! : "");
                break;
            case "bytes":
                writer.Bytes(number, value.ValueKind == JsonValueKind.String && value.TryGetBytesFromBase64(out var bytes) ? bytes : []);
                break;
            case "bool":
                writer.Number(number, value.ValueKind == JsonValueKind.True ? 1 : 0);
                break;
            case "int32" or "int64":
                writer.Number(number, value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var integer) ? integer : 0);
                break;
            case "double":
                writer.Double(number, value.ValueKind == JsonValueKind.Number ? value.GetDouble() : 0);
                break;
            default:
                var start = writer.Begin(number);
                WriteMessage(writer, ProtobufPlan.MessageType(message), value);
                writer.End(start);
                break;
        }
    }

    /// <summary>What Go writes for a plain value that nobody set. Lists, maps and byte strings are not written when absent.</summary>
    private static void WriteZero(ProtobufWriter writer, SchemaField field, ProtobufField wire)
    {
        if (wire.Wire is "map" or "bytes" || field.Type.Kind == SchemaKind.StringList) return;
        WriteValue(writer, wire.Number, wire.Wire, wire.Message, default);
    }

    private static void WriteMessage(ProtobufWriter writer, SchemaType type, JsonElement value)
    {
        switch (type.Kind)
        {
            case SchemaKind.Struct:
                WriteStruct(writer, type, value);
                break;
            case SchemaKind.Time or SchemaKind.MicroTime:
                WriteTime(writer, value);
                break;
            case SchemaKind.Duration:
                writer.Number(1, value.ValueKind == JsonValueKind.String && GoDuration.Parse(value.GetString()!) is { } nanos ? nanos : 0);
                break;
            case SchemaKind.Quantity:
                writer.Text(1, Canonical(value));
                break;
            case SchemaKind.IntOrString:
                var isText = value.ValueKind == JsonValueKind.String;
                writer.Number(1, isText ? 1 : 0);
                writer.Number(2, value.ValueKind == JsonValueKind.Number ? value.GetInt32() : 0);
                writer.Text(3, isText ? value.GetString()! : "");
                break;
            case SchemaKind.RawExtension or SchemaKind.Json or SchemaKind.FieldsV1:
                if (value.ValueKind != JsonValueKind.Undefined) writer.Bytes(1, JsonMarshal.GetRawUtf8Value(value));
                break;
            case SchemaKind.StringList:
                if (value.ValueKind != JsonValueKind.Array) break;
                foreach (var item in value.EnumerateArray()) writer.Text(1, item.GetString() ?? "");
                break;
            case SchemaKind.SchemaOrBool:
                writer.Number(1, value.ValueKind is JsonValueKind.True or JsonValueKind.Object ? 1 : 0);
                if (value.ValueKind == JsonValueKind.Object) WriteNested(writer, 2, type, value);
                break;
            case SchemaKind.SchemaOrArray:
                if (value.ValueKind == JsonValueKind.Object) WriteNested(writer, 1, type, value);
                else if (value.ValueKind == JsonValueKind.Array)
                    foreach (var item in value.EnumerateArray()) WriteNested(writer, 2, type, item);
                break;
            case SchemaKind.SchemaOrStrings:
                if (value.ValueKind == JsonValueKind.Object) WriteNested(writer, 1, type, value);
                else if (value.ValueKind == JsonValueKind.Array)
                    foreach (var item in value.EnumerateArray()) writer.Text(2, item.GetString() ?? "");
                break;
            default:
                throw new InvalidOperationException($"protobuf: the type {type} has no message form");
        }
    }

    private static void WriteNested(ProtobufWriter writer, int number, SchemaType special, JsonElement value)
    {
        var start = writer.Begin(number);
        WriteStruct(writer, ProtobufPlan.MessageType(special.ProtobufFields.First(f => f.Wire == "message").Message), value);
        writer.End(start);
    }

    private static void WriteTime(ProtobufWriter writer, JsonElement value)
    {
        // The zero time is an empty message.
        if (value.ValueKind != JsonValueKind.String) return;
        if (!DateTimeOffset.TryParse(value.GetString(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)) return;
        writer.Number(1, time.ToUnixTimeSeconds());
        writer.Number(2, time.Ticks % TimeSpan.TicksPerSecond * 100);
    }

    private static string Canonical(JsonElement value) => value.ValueKind switch
    {
        JsonValueKind.String => Quantity.TryParse(value.GetString()!, out var amount, out _) ? amount.ToString() : "0",
        JsonValueKind.Number => Quantity.TryParse(value.GetRawText(), out var amount, out _) ? amount.ToString() : "0",
        _ => "0",
    };
}
