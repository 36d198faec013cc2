using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Decoding;

/// <summary>Go's own unmarshaller of a value refused it; decoding stops there.</summary>
internal sealed class GoUnmarshalException(string message) : Exception(message);

/// <summary>Reads JSON into a tree the way Go's decoder fills a struct and its encoder writes it again: one pass, fields in the schema's order,
/// unknown ones dropped, empty ones left out. The first type error is kept and reading goes on, because a later one may be fatal.</summary>
/// <remarks>One request's; not thread-safe. Messages are those of sigs.k8s.io/json.</remarks>
/// <param name="source">The text that is read, where embedded objects are to be kept as sent.</param>
internal sealed class StructReader(bool isStrict, ReadOnlyMemory<byte> source = default)
{
    private const int StrictErrorsMax = 100;

    private readonly List<SchemaField> _fieldStack = [];
    private readonly List<PathPart> _path = [];
    private SchemaType? _struct;
    private bool _isStrict = isStrict;
    private JsonNode?[] _slots = new JsonNode?[64];
    private int _slotsUsed;

    /// <summary>The first type error, in Go's words.</summary>
    public string? TypeError { get; private set; }

    /// <summary>Unknown and duplicate fields, each once, in the order met.</summary>
    public List<string> StrictErrors { get; } = [];

    public JsonNode? ReadRoot(ref Utf8JsonReader json, SchemaType type)
    {
        json.Read();
        return ReadValue(ref json, type, null);
    }

    private JsonNode? ReadValue(ref Utf8JsonReader json, SchemaType type, JsonNode? existing)
    {
        switch (type.Kind)
        {
            case SchemaKind.Struct:
                if (json.TokenType == JsonTokenType.StartObject) return type.IsCustom ? ReadCustom(ref json, type) : ReadStruct(ref json, type, existing as JsonObject);
                break;
            case SchemaKind.Map:
                if (json.TokenType == JsonTokenType.StartObject) return ReadMap(ref json, type, existing as JsonObject);
                break;
            case SchemaKind.Array or SchemaKind.StringList:
                if (json.TokenType == JsonTokenType.StartArray) return ReadArray(ref json, type);
                break;
            case SchemaKind.String:
                if (json.TokenType == JsonTokenType.String) return JsonValue.Create(json.GetString()!);
                break;
            case SchemaKind.Boolean:
                if (json.TokenType is JsonTokenType.True or JsonTokenType.False) return JsonValue.Create(json.GetBoolean());
                break;
            case SchemaKind.Integer:
                if (json.TokenType == JsonTokenType.Number) return ReadInteger(ref json, type);
                break;
            case SchemaKind.Number:
                if (json.TokenType == JsonTokenType.Number) return ReadNumber(ref json, type);
                break;
            case SchemaKind.Bytes:
                if (json.TokenType == JsonTokenType.String) return ReadBytes(ref json);
                break;
            case SchemaKind.Any:
                return AnyReader.Read(ref json, this);
            case SchemaKind.RawExtension:
                return ReadEmbedded(ref json);
            case SchemaKind.Json or SchemaKind.FieldsV1:
                return AnyReader.Read(ref json, null);
            case SchemaKind.SchemaOrArray or SchemaKind.SchemaOrBool or SchemaKind.SchemaOrStrings:
                return ReadSchemaOr(ref json, type.Kind);
            default:
                return GoScalars.Read(ref json, type.Kind);
        }
        Mismatch(ref json, type);
        return null;
    }

    private JsonNode? ReadEmbedded(ref Utf8JsonReader json)
    {
        var start = (int)json.TokenStartIndex;
        var node = AnyReader.Read(ref json, null);
        if (node is JsonObject map && !source.IsEmpty) EmbeddedJson.Keep(map, source.Span[start..(int)json.BytesConsumed]);
        return node;
    }

    private JsonObject ReadStruct(ref Utf8JsonReader json, SchemaType type, JsonObject? existing)
    {
        var count = type.Fields.Count;
        var start = _slotsUsed;
        _slotsUsed += count;
        if (_slotsUsed > _slots.Length) Array.Resize(ref _slots, Math.Max(_slotsUsed, _slots.Length * 2));
        if (existing is not null) TakeSlots(type, existing, start);
        ulong seen = 0;
        var outerStruct = _struct;
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            var field = FindField(ref json, type);
            if (field is null)
            {
                if (_isStrict) SaveStrict("unknown field", json.GetString()!);
                json.Read();
                json.Skip();
                continue;
            }
            var bit = 1UL << (field.Index & 63);
            if (_isStrict && (seen & bit) != 0) SaveStrict("duplicate field", field.Name);
            seen |= bit;
            _struct = type;
            _fieldStack.Add(field);
            _path.Add(new(field.Name, 0));
            json.Read();
            if (json.TokenType != JsonTokenType.Null)
            {
                // A wrong value leaves what an earlier duplicate set, as in Go; nobody sees it, for the request fails.
                var value = ReadValue(ref json, field.Type, _slots[start + field.Index]);
                _slots[start + field.Index] = field.IsPointer ? value : StructShape.NullWhenZero(field.Type.Kind, value);
            }
            else if (StructShape.IsNullable(field))
            {
                _slots[start + field.Index] = null;
            }
            _path.RemoveAt(_path.Count - 1);
            _fieldStack.RemoveAt(_fieldStack.Count - 1);
            _struct = outerStruct;
        }
        var result = StructShape.Write(type, _slots.AsSpan(start, count));
        _slots.AsSpan(start, count).Clear();
        _slotsUsed = start;
        return result;
    }

    private static SchemaField? FindField(ref Utf8JsonReader json, SchemaType type)
    {
        if (json.ValueIsEscaped || json.HasValueSequence || json.ValueSpan.Length > 128) return type.FindField(json.GetString()!);
        Span<char> name = stackalloc char[128];
        return Encoding.UTF8.TryGetChars(json.ValueSpan, name, out var length) ? type.FindField(name[..length]) : null;
    }

    private void TakeSlots(SchemaType type, JsonObject existing, int start)
    {
        foreach (var (name, value) in existing.ToArray())
        {
            if (type.FindField(name) is not { } field) continue;
            existing.Remove(name);
            _slots[start + field.Index] = value;
        }
    }

    private JsonObject ReadMap(ref Utf8JsonReader json, SchemaType type, JsonObject? existing)
    {
        existing?.Parent?.AsObject().Remove(existing.GetPropertyName());
        var map = existing ?? [];
        HashSet<string>? seen = null;
        while (json.Read() && json.TokenType != JsonTokenType.EndObject)
        {
            var key = json.GetString()!;
            if (_isStrict && !(seen ??= new(StringComparer.Ordinal)).Add(key)) SaveStrict("duplicate field", key);
            _path.Add(new(key, 0));
            json.Read();
            map[key] = ReadElement(ref json, type.Element!);
            _path.RemoveAt(_path.Count - 1);
        }
        return map;
    }

    private JsonArray ReadArray(ref Utf8JsonReader json, SchemaType type)
    {
        var array = new JsonArray();
        while (json.Read() && json.TokenType != JsonTokenType.EndArray)
        {
            _path.Add(new(null, array.Count));
            array.Add(ReadElement(ref json, type.Element!));
            _path.RemoveAt(_path.Count - 1);
        }
        return array;
    }

    private JsonNode? ReadElement(ref Utf8JsonReader json, SchemaType type) =>
        json.TokenType == JsonTokenType.Null ? StructShape.Zero(type) : ReadValue(ref json, type, null) ?? StructShape.Zero(type);

    private JsonNode? ReadInteger(ref Utf8JsonReader json, SchemaType type)
    {
        if (json.TryGetInt64(out var number) && (type.Format != "int32" || number is >= int.MinValue and <= int.MaxValue)) return JsonValue.Create(number);
        SaveType($"number {Text(ref json)}", type);
        return null;
    }

    private JsonNode? ReadNumber(ref Utf8JsonReader json, SchemaType type)
    {
        if (json.TryGetDouble(out var number) && double.IsFinite(number)) return JsonValue.Create(number);
        SaveType($"number {Text(ref json)}", type);
        return null;
    }

    private JsonNode? ReadBytes(ref Utf8JsonReader json)
    {
        var text = json.GetString()!;
        var canonical = GoBase64.Canonical(text, out var badAt);
        if (canonical is null) TypeError ??= $"illegal base64 data at input byte {badAt}";
        return canonical is null ? null : JsonValue.Create(canonical);
    }

    /// <summary>JSONSchemaPropsOrArray and its like: their own unmarshallers decide, and read what is inside without strictness.</summary>
    private JsonNode? ReadSchemaOr(ref Utf8JsonReader json, SchemaKind kind)
    {
        var wasStrict = _isStrict;
        _isStrict = false;
        try
        {
            var schema = BuiltInSchemas.Find("io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps")!;
            switch (json.TokenType)
            {
                case JsonTokenType.StartObject:
                    return ReadStruct(ref json, schema, null);
                case JsonTokenType.StartArray when kind == SchemaKind.SchemaOrArray:
                    return ReadArray(ref json, new SchemaType { Kind = SchemaKind.Array, GoName = "[]v1.JSONSchemaProps", ElementReference = new(schema) });
                case JsonTokenType.StartArray when kind == SchemaKind.SchemaOrStrings:
                    return ReadArray(ref json, new SchemaType { Kind = SchemaKind.Array, GoName = "[]string", ElementReference = new(GoTypeNames.String) });
                case JsonTokenType.True or JsonTokenType.False when kind == SchemaKind.SchemaOrBool:
                    return JsonValue.Create(json.GetBoolean());
                default:
                    if (kind == SchemaKind.SchemaOrBool) throw new GoUnmarshalException("boolean or JSON schema expected");
                    json.Skip();
                    return null;
            }
        }
        finally
        {
            _isStrict = wasStrict;
        }
    }

    /// <summary>A custom resource's value: kept as it is but for fields the structural schema does not know. Types are checked by validation, as upstream.</summary>
    private JsonNode? ReadCustom(ref Utf8JsonReader json, SchemaType type)
    {
        var tree = AnyReader.Read(ref json, this);
        var pruning = new CustomResourcePruning(_isStrict);
        pruning.Prune(tree, type);
        StrictErrors.AddRange(pruning.Unknown);
        TypeError ??= pruning.TypeError;
        // Also a custom resource's metadata is what every object's is.
        if (tree is JsonObject { } obj && obj["metadata"] is JsonObject metadata && type.FindField("metadata")?.Type is { IsCustom: false } known)
        {
            var inner = new StructReader(isStrict: false);
            var text = ObjectDecoder.NewReader(TreeText.Write(metadata).Span);
            obj["metadata"] = inner.ReadRoot(ref text, known);
            TypeError ??= inner.TypeError;
        }
        return tree;
    }

    private void Mismatch(ref Utf8JsonReader json, SchemaType type)
    {
        var what = json.TokenType switch
        {
            JsonTokenType.StartObject => "object",
            JsonTokenType.StartArray => "array",
            JsonTokenType.String => "string",
            JsonTokenType.Number => "number",
            JsonTokenType.Null => null,
            _ => "bool",
        };
        if (what is not null) SaveType(what, type);
        json.Skip();
    }

    private void SaveType(string what, SchemaType type)
    {
        if (TypeError is not null) return;
        TypeError = _struct is null
            ? $"json: cannot unmarshal {what} into Go value of type {type.GoName}"
            : $"json: cannot unmarshal {what} into Go struct field {_struct.GoName[(_struct.GoName.LastIndexOf('.') + 1)..]}.{FieldPath()} of type {type.GoName}";
    }

    private string FieldPath() => string.Join('.', _fieldStack.Select(f => f.GoPath));

    internal void SaveStrict(string what, string field)
    {
        if (!_isStrict || StrictErrors.Count >= StrictErrorsMax) return;
        var path = new StringBuilder();
        foreach (var part in _path)
        {
            if (part.Key is null) path.Append('[').Append(part.Index.ToString(CultureInfo.InvariantCulture)).Append(']');
            else path.Append(path.Length > 0 ? "." : "").Append(part.Key);
        }
        var error = $"{what} {FieldError.Quote(path.Length > 0 ? $"{path}.{field}" : field)}";
        if (!StrictErrors.Contains(error)) StrictErrors.Add(error);
    }

    internal void Enter(string key) => _path.Add(new(key, 0));

    internal void Enter(int index) => _path.Add(new(null, index));

    internal void Leave() => _path.RemoveAt(_path.Count - 1);

    private static string Text(ref Utf8JsonReader json) => Encoding.UTF8.GetString(json.ValueSpan);

    private readonly record struct PathPart(string? Key, int Index);
}
