using System.Text;
using System.Text.Json;
using Bramble.Api.Naming;

namespace Bramble.Api.Schemas;

/// <summary>Reads one type of the embedded facts. Their keys are explained in the README beside them.</summary>
internal static class SchemaTypeReader
{
    public static SchemaType Read(string name, ReadOnlySpan<byte> json)
    {
        using var document = JsonDocument.Parse(Encoding.UTF8.GetString(json));
        var node = document.RootElement;
        var goName = GoTypeNames.OfBuiltIn(name);
        var kind = node.TryGetProperty("special", out var special) ? Special(special.GetString()!) : Plain(node);
        var element = kind == SchemaKind.StringList ? new SchemaReference(GoTypeNames.String) : null;
        return new SchemaType
        {
            Kind = kind,
            Name = name,
            GoName = goName,
            Format = Text(node, "format"),
            ElementReference = element,
            GroupVersionKinds = node.TryGetProperty("gvk", out var gvks)
                ? gvks.EnumerateArray().Select(g => new GroupVersionKind(g[0].GetString()!, g[1].GetString()!, g[2].GetString()!)).ToArray()
                : [],
            Fields = node.TryGetProperty("fields", out var fields)
                ? fields.EnumerateObject().Select(f => ReadField(goName, name, f, node)).ToArray()
                : [],
            IsAtomic = Text(node, "mapType") == "atomic",
            ProtobufName = Text(node, "proto"),
            ProtobufInlines = node.TryGetProperty("pbInline", out var inlines)
                ? inlines.EnumerateArray().Select(i => new ProtobufInline(i.GetProperty("n").GetInt32(), Text(i, "m"), Text(i, "name"))).ToArray()
                : [],
            ProtobufFields = node.TryGetProperty("pbFields", out var messageFields)
                ? messageFields.EnumerateArray().Select(ReadProtobuf).ToArray()
                : [],
            Unions = node.TryGetProperty("unions", out var unions) ? unions.EnumerateArray().Select(ReadUnion).ToArray() : [],
        };
    }

    public static GroupVersionKind ReadKind(ref Utf8JsonReader reader)
    {
        reader.Read();
        var group = reader.GetString()!;
        reader.Read();
        var version = reader.GetString()!;
        reader.Read();
        var kind = reader.GetString()!;
        reader.Read();
        return new GroupVersionKind(group, version, kind);
    }

    private static SchemaField ReadField(string owner, string ownerName, JsonProperty property, JsonElement parent)
    {
        var node = property.Value;
        var isPointer = node.TryGetProperty("ptr", out _);
        var type = ReadType(node, GoTypeNames.OfField(owner, property.Name), ownerName);
        var isInline = node.TryGetProperty("inl", out _);
        return new SchemaField(type)
        {
            GoPath = isInline ? InlinePath(property.Name, parent) : property.Name,
            Name = string.Intern(property.Name),
            IsRequired = node.TryGetProperty("required", out _),
            DefaultJson = node.TryGetProperty("default", out var value) ? value.GetRawText() : null,
            Omit = Text(node, "omit") switch { "empty" => OmitRule.Empty, "zero" => OmitRule.Zero, _ => OmitRule.Never },
            IsPointer = isPointer,
            Gates = Text(node, "gate") is { Length: > 0 } gates ? gates.Split(',') : [],
            PatchStrategy = Strategy(Text(node, "patchStrategy")),
            PatchMergeKey = Text(node, "patchMergeKey"),
            IsInline = isInline,
            Protobuf = node.TryGetProperty("pb", out var pb) ? ReadProtobuf(pb) : null,
        };
    }

    private static SchemaReference ReadType(JsonElement node, string? goName, string ownerName)
    {
        if (node.TryGetProperty("ref", out var named))
        {
            var reference = new SchemaReference(named.GetString()!);
            return Text(node, "mapType") switch
            {
                "atomic" => new SchemaReference(WithOwnership(reference.Resolve(), isAtomic: true)),
                "granular" => new SchemaReference(WithOwnership(reference.Resolve(), isAtomic: false)),
                _ => reference,
            };
        }
        if (!node.TryGetProperty("type", out var type)) return GoTypeHints.Read(Text(node, "gotype"), ownerName);
        switch (type.GetString())
        {
            case "array":
                var items = ReadType(node.GetProperty("items"), null, ownerName);
                return new(new SchemaType
                {
                    Kind = SchemaKind.Array,
                    GoName = goName ?? "[]" + GoTypeNames.Of(node.GetProperty("items")),
                    ElementReference = items,
                    ListType = Text(node, "listType") switch { "map" => ListType.Map, "set" => ListType.Set, _ => ListType.Atomic },
                    ListMapKeys = node.TryGetProperty("listMapKeys", out var keys) ? keys.EnumerateArray().Select(k => k.GetString()!).ToArray() : [],
                });
            case "map":
                return new(new SchemaType
                {
                    Kind = SchemaKind.Map,
                    GoName = goName ?? "map[string]" + GoTypeNames.Of(node.GetProperty("values")),
                    ElementReference = ReadType(node.GetProperty("values"), null, ownerName),
                    IsAtomic = Text(node, "mapType") == "atomic",
                });
            case "string" when Text(node, "format") == "byte":
                return new(GoTypeNames.Bytes);
            case var scalar:
                var plain = GoTypeNames.Scalar(scalar!, Text(node, "format"));
                if (goName is null && !node.TryGetProperty("enum", out _)) return new(plain);
                return new(new SchemaType
                {
                    Kind = plain.Kind,
                    Format = plain.Format,
                    GoName = goName ?? plain.GoName,
                    Enum = node.TryGetProperty("enum", out var values) ? values.EnumerateArray().Select(v => v.GetString()!).ToArray() : [],
                });
        }
    }

    // Go's name of the structure in which an inline field is declared; kind and apiVersion are in TypeMeta.
    private static string InlinePath(string field, JsonElement parent)
    {
        if (field is "kind" or "apiVersion") return $"TypeMeta.{field}";
        if (!parent.TryGetProperty("pbInline", out var inlines)) return field;
        foreach (var inline in inlines.EnumerateArray())
            if (BuiltInSchemas.FindMessage(Text(inline, "m")) is { } type && type.FindField(field) is { } declared)
                return $"{type.Name[(type.Name.LastIndexOf('.') + 1)..]}.{declared.GoPath}";
        return field;
    }

    // A field may say otherwise than its type whether its members have owners of their own.
    private static SchemaType WithOwnership(SchemaType type, bool isAtomic) => type.IsAtomic == isAtomic ? type : new SchemaType
    {
        Kind = type.Kind,
        Name = type.Name,
        GoName = type.GoName,
        Fields = type.Fields,
        IsAtomic = isAtomic,
        ProtobufName = type.ProtobufName,
        ProtobufInlines = type.ProtobufInlines,
        ProtobufFields = type.ProtobufFields,
        Unions = type.Unions,
    };

    private static SchemaKind Plain(JsonElement node) => Text(node, "type") switch
    {
        "string" => SchemaKind.String,
        "integer" => SchemaKind.Integer,
        "boolean" => SchemaKind.Boolean,
        "number" => SchemaKind.Number,
        _ => SchemaKind.Struct,
    };

    private static SchemaKind Special(string special) => special switch
    {
        "time" => SchemaKind.Time,
        "microtime" => SchemaKind.MicroTime,
        "duration" => SchemaKind.Duration,
        "quantity" => SchemaKind.Quantity,
        "intOrString" => SchemaKind.IntOrString,
        "rawExtension" => SchemaKind.RawExtension,
        "json" => SchemaKind.Json,
        "fieldsV1" => SchemaKind.FieldsV1,
        "schemaOrArray" => SchemaKind.SchemaOrArray,
        "schemaOrBool" => SchemaKind.SchemaOrBool,
        "schemaOrStrings" => SchemaKind.SchemaOrStrings,
        "stringList" => SchemaKind.StringList,
        "unknown" => SchemaKind.Struct,
        _ => throw new InvalidOperationException($"schema: unknown special form {special}"),
    };

    private static PatchStrategy Strategy(string names)
    {
        var strategy = PatchStrategy.None;
        foreach (var name in names.Split(',', StringSplitOptions.RemoveEmptyEntries))
            strategy |= name switch
            {
                "merge" => PatchStrategy.Merge,
                "replace" => PatchStrategy.Replace,
                "retainKeys" => PatchStrategy.RetainKeys,
                _ => throw new InvalidOperationException($"schema: unknown patch strategy {name}"),
            };
        return strategy;
    }

    private static ProtobufField ReadProtobuf(JsonElement pb) => new(
        pb.GetProperty("n").GetInt32(),
        Text(pb, "w"),
        Text(pb, "m"),
        pb.TryGetProperty("rep", out _),
        Text(pb, "name"),
        Text(pb, "k"),
        Text(pb, "v"),
        Text(pb, "vm"));

    private static SchemaUnion ReadUnion(JsonElement union) => new(
        Text(union, "discriminator"),
        union.GetProperty("fields-to-discriminateBy").EnumerateObject().ToDictionary(m => m.Name, m => m.Value.GetString()!, StringComparer.Ordinal));

    internal static string Text(JsonElement node, string key) => node.TryGetProperty(key, out var value) ? value.GetString()! : "";
}
