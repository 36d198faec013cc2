using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>A tree into the form of a Go struct, with the rules and messages of apimachinery's unstructured converter (they differ from those of its JSON
/// decoder: numbers are converted, the first error ends it).</summary>
internal sealed class StructConverter(bool reportsUnknown)
{
    private readonly List<string> _path = [];

    /// <summary>Unknown fields, sorted.</summary>
    public List<string> UnknownFields { get; } = [];

    /// <returns>A new tree in normal form.</returns>
    /// <exception cref="GoUnmarshalException">A value does not fit its type.</exception>
    public JsonObject Convert(JsonObject tree, SchemaType type)
    {
        var result = Struct(tree, type);
        UnknownFields.Sort(StringComparer.Ordinal);
        return result;
    }

    private JsonNode? Value(JsonNode value, SchemaType type)
    {
        switch (type.Kind)
        {
            case SchemaKind.Struct:
                return Struct(value as JsonObject ?? throw new GoUnmarshalException($"cannot restore struct from: {GoFormat.KindName(value)}"), type);
            case SchemaKind.Map:
                return Map(value as JsonObject ?? throw new GoUnmarshalException($"cannot restore map from {GoFormat.KindName(value)}"), type);
            case SchemaKind.Array or SchemaKind.StringList:
                return List(value as JsonArray ?? throw new GoUnmarshalException($"cannot restore slice from {GoFormat.KindName(value)}"), type);
            case SchemaKind.Bytes:
                if (value.GetValueKind() != JsonValueKind.String) throw new GoUnmarshalException($"cannot restore slice from {GoFormat.KindName(value)}");
                var bytes = GoBase64.Canonical(value.GetValue<string>(), out var badAt);
                return JsonValue.Create(bytes ?? throw new GoUnmarshalException($"error decoding from json: illegal base64 data at input byte {badAt.ToString(CultureInfo.InvariantCulture)}"));
            case SchemaKind.String or SchemaKind.Boolean or SchemaKind.Integer or SchemaKind.Number:
                return Scalar(value, type);
            case SchemaKind.Any:
                return value.DeepClone();
            default:
                return Unmarshalled(value, type);
        }
    }

    private JsonObject Struct(JsonObject map, SchemaType type)
    {
        var slots = new JsonNode?[type.Fields.Count];
        foreach (var field in type.Fields)
        {
            if (map[field.Name] is not { } value) continue;
            _path.Add(_path.Count > 0 ? "." + field.Name : field.Name);
            var converted = Value(value, field.Type);
            slots[field.Index] = field.IsPointer ? converted : StructShape.NullWhenZero(field.Type.Kind, converted);
            _path.RemoveAt(_path.Count - 1);
        }
        if (reportsUnknown)
            foreach (var (name, _) in map)
                if (type.FindField(name) is null)
                    UnknownFields.Add($"unknown field \"{string.Concat(_path)}{(_path.Count > 0 ? "." : "")}{name}\"");
        return StructShape.Write(type, slots);
    }

    private JsonObject Map(JsonObject map, SchemaType type)
    {
        var result = new JsonObject();
        foreach (var (key, value) in map) result[key] = value is null ? StructShape.Zero(type.Element!) : Value(value, type.Element!) ?? StructShape.Zero(type.Element!);
        return result;
    }

    private JsonArray List(JsonArray list, SchemaType type)
    {
        var result = new JsonArray();
        for (var i = 0; i < list.Count; i++)
        {
            _path.Add($"[{i.ToString(CultureInfo.InvariantCulture)}]");
            result.Add(list[i] is { } value ? Value(value, type.Element!) ?? StructShape.Zero(type.Element!) : StructShape.Zero(type.Element!));
            _path.RemoveAt(_path.Count - 1);
        }
        return result;
    }

    private static JsonNode Scalar(JsonNode value, SchemaType type)
    {
        var from = GoFormat.KindName(value);
        switch (type.Kind, from)
        {
            case (SchemaKind.String, "string") or (SchemaKind.Boolean, "bool"):
                return value.DeepClone();
            case (SchemaKind.Integer, "int64"):
                GoFormat.IsInteger(value, out var integer);
                return JsonValue.Create(type.Format == "int32" ? (int)integer : integer);
            case (SchemaKind.Integer, "float64"):
                var real = Double(value);
                return real == Math.Truncate(real) ? JsonValue.Create(type.Format == "int32" ? (int)real : (long)real) : throw new GoUnmarshalException($"cannot convert float64 to {type.GoName}");
            case (SchemaKind.Number, "int64" or "float64"):
                return JsonValue.Create(Double(value));
            case (SchemaKind.String, "int64"):
                throw new GoUnmarshalException($"cannot convert int64 to {type.GoName}");
            default:
                throw new GoUnmarshalException($"unrecognized type: {KindName(type)}");
        }
    }

    private static double Double(JsonNode value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static string KindName(SchemaType type) => type.Kind switch
    {
        SchemaKind.String => "string",
        SchemaKind.Boolean => "bool",
        SchemaKind.Number => "float64",
        _ => type.Format == "int32" ? "int32" : "int64",
    };

    private static JsonNode? Unmarshalled(JsonNode value, SchemaType type)
    {
        var json = TreeText.Write(value);
        var reader = ObjectDecoder.NewReader(json.Span);
        var structReader = new StructReader(isStrict: false);
        var result = structReader.ReadRoot(ref reader, type);
        return structReader.TypeError is { } error ? throw new GoUnmarshalException(error) : result;
    }
}
