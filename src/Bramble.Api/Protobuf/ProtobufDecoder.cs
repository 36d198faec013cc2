using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Schemas;

namespace Bramble.Api.Protobuf;

/// <summary>Reads the message of a type into a JSON object. Unknown numbers are skipped; messages may nest only so deep.</summary>
internal static class ProtobufDecoder
{
    /// <summary>Real objects nest about 20 deep (schemas of custom resources); a stack overflow would end the process.</summary>
    private const int DepthMax = 100;

    /// <summary>The years 1 to 9999, which RFC 3339 can write.</summary>
    private const long SecondsMin = -62135596800;
    private const long SecondsMax = 253402300799;

    private static readonly UTF8Encoding Utf8 = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public static JsonObject ReadStruct(ReadOnlySpan<byte> message, SchemaType type, int depth = 0)
    {
        var obj = new JsonObject();
        ReadInto(obj, message, type, depth);
        return obj;
    }

    private static void ReadInto(JsonObject obj, ReadOnlySpan<byte> message, SchemaType type, int depth)
    {
        if (depth > DepthMax) throw new ProtobufFormatException("proto: message nests too deep");
        var plan = ProtobufPlan.Of(type);
        var reader = new ProtobufReader(message);
        while (reader.Read())
        {
            if (plan.Find(reader.Number) is not { } entry) continue;
            if (entry.Inline is { } inline)
            {
                reader.Expect(2, inline.ToString());
                ReadInto(obj, reader.Content, inline, depth + 1);
                continue;
            }
            var (name, wire) = (entry.Field!.Name, entry.Wire!);
            if (wire.Wire == "map")
            {
                if (obj[name] is not JsonObject map) obj[name] = map = [];
                ReadMapEntry(map, ref reader, wire, name, depth);
            }
            else if (wire.IsRepeated)
            {
                if (obj[name] is not JsonArray list) obj[name] = list = [];
                ReadItems(list, ref reader, wire, name, depth);
            }
            else
                obj[name] = ReadValue(ref reader, wire.Wire, wire.Message, name, depth);
        }
    }

    private static void ReadMapEntry(JsonObject map, ref ProtobufReader reader, ProtobufField wire, string name, int depth)
    {
        reader.Expect(2, name);
        var key = "";
        JsonNode? value = null;
        var entry = new ProtobufReader(reader.Content);
        while (entry.Read())
        {
            if (entry.Number == 1) key = (string?)ReadValue(ref entry, "string", "", name, depth) ?? "";
            else if (entry.Number == 2) value = ReadValue(ref entry, wire.MapValueWire, wire.MapValueMessage, name, depth);
        }
        map[key] = value ?? Zero(wire.MapValueWire, wire.MapValueMessage, depth);
    }

    /// <summary>Numbers may come packed: many in one field.</summary>
    private static void ReadItems(JsonArray list, ref ProtobufReader reader, ProtobufField wire, string name, int depth)
    {
        if (reader.WireType != 2 || wire.Wire is not ("int32" or "int64" or "bool"))
        {
            list.Add(ReadValue(ref reader, wire.Wire, wire.Message, name, depth));
            return;
        }
        var at = 0;
        var packed = reader.Content;
        while (at < packed.Length)
        {
            ulong value = 0;
            var shift = 0;
            byte next;
            do
            {
                if (at >= packed.Length) throw new ProtobufFormatException("unexpected EOF");
                if (shift >= 64) throw new ProtobufFormatException("proto: integer overflow");
                next = packed[at++];
                value |= (ulong)(next & 0x7F) << shift;
                shift += 7;
            }
            while (next >= 0x80);
            list.Add((JsonNode)Scalar(wire.Wire, value));
        }
    }

    private static JsonNode? ReadValue(ref ProtobufReader reader, string wire, string message, string name, int depth)
    {
        switch (wire)
        {
            case "string":
                reader.Expect(2, name);
                return Text(reader.Content);
            case "bytes":
                reader.Expect(2, name);
                return Convert.ToBase64String(reader.Content);
            case "bool" or "int32" or "int64":
                reader.Expect(0, name);
                return Scalar(wire, reader.Value);
            case "double":
                reader.Expect(1, name);
                var number = BitConverter.UInt64BitsToDouble(reader.Value);
                return double.IsFinite(number) ? number : throw new ProtobufFormatException($"proto: {name} is no number that JSON can write");
            default:
                reader.Expect(2, name);
                return ReadMessage(reader.Content, ProtobufPlan.MessageType(message), depth + 1);
        }
    }

    private static JsonValue Scalar(string wire, ulong value) => wire switch
    {
        "bool" => JsonValue.Create(value != 0),
        "int32" => JsonValue.Create((int)value),
        _ => JsonValue.Create((long)value),
    };

    private static JsonNode? Zero(string wire, string message, int depth) => wire switch
    {
        "string" or "bytes" => "",
        "message" => ReadMessage([], ProtobufPlan.MessageType(message), depth + 1),
        _ => Scalar(wire, 0),
    };

    private static string Text(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Utf8.GetString(bytes);
        }
        catch (DecoderFallbackException)
        {
            throw new ProtobufFormatException("proto: field contains invalid UTF-8");
        }
    }

    private static JsonNode? ReadMessage(ReadOnlySpan<byte> message, SchemaType type, int depth)
    {
        if (type.Kind == SchemaKind.Struct) return ReadStruct(message, type, depth);
        if (depth > DepthMax) throw new ProtobufFormatException("proto: message nests too deep");
        long first = 0;
        long second = 0;
        ReadOnlySpan<byte> content = default;
        var isThere = false;
        var texts = new List<string>();
        var nested = new List<JsonNode?>();
        var reader = new ProtobufReader(message);
        while (reader.Read())
        {
            isThere = true;
            if (reader.WireType == 2)
            {
                switch (type.Kind, reader.Number)
                {
                    case (SchemaKind.StringList, 1) or (SchemaKind.SchemaOrStrings, 2):
                        texts.Add(Text(reader.Content));
                        break;
                    case (SchemaKind.SchemaOrBool, 2) or (SchemaKind.SchemaOrArray, 1 or 2) or (SchemaKind.SchemaOrStrings, 1):
                        nested.Add(ReadStruct(reader.Content, ProtobufPlan.MessageType(type.ProtobufFields.First(f => f.Wire == "message").Message), depth + 1));
                        second = reader.Number;
                        break;
                    default:
                        content = reader.Content;
                        break;
                }
            }
            else if (reader.Number == 1) first = (long)reader.Value;
            else if (reader.Number == 2) second = (long)reader.Value;
        }
        switch (type.Kind)
        {
            case SchemaKind.Time or SchemaKind.MicroTime:
                return isThere ? Time(first, second, type.Kind) : null;
            case SchemaKind.Duration:
                return GoDuration.Format(first);
            case SchemaKind.Quantity:
                return Text(content);
            case SchemaKind.IntOrString:
                return first == 0 ? JsonValue.Create((int)second) : JsonValue.Create(Text(content));
            case SchemaKind.StringList:
                return new JsonArray([.. texts.Select(t => (JsonNode)t)]);
            case SchemaKind.SchemaOrBool:
                return nested.Count > 0 ? nested[^1] : JsonValue.Create(first != 0);
            case SchemaKind.SchemaOrArray:
                return nested is [var only] && second == 1 ? only : new JsonArray([.. nested]);
            case SchemaKind.SchemaOrStrings:
                return nested.Count > 0 ? nested[^1] : new JsonArray([.. texts.Select(t => (JsonNode)t)]);
            default:
                return Json(content);
        }
    }

    private static JsonNode? Json(ReadOnlySpan<byte> content)
    {
        if (content.IsEmpty) return null;
        if (ProtobufCodec.HasEnvelope(content)) return ProtobufCodec.Decode(content.ToArray());
        try
        {
            return JsonNode.Parse(content);
        }
        catch (JsonException)
        {
            throw new ProtobufFormatException("proto: an embedded value is no JSON");
        }
    }

    private static string? Time(long seconds, long nanos, SchemaKind kind)
    {
        if (seconds is < SecondsMin or > SecondsMax || nanos is < 0 or > 999_999_999) throw new ProtobufFormatException("proto: time is out of range");
        if (seconds == SecondsMin && nanos == 0) return null;
        var time = DateTimeOffset.FromUnixTimeSeconds(seconds).AddTicks(nanos / 100).UtcDateTime;
        return time.ToString(kind == SchemaKind.Time ? "yyyy-MM-dd'T'HH:mm:ss'Z'" : "yyyy-MM-dd'T'HH:mm:ss'.'ffffff'Z'", CultureInfo.InvariantCulture);
    }
}
