using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Protobuf;

namespace Bramble.Api.OpenApi;

/// <summary>An OpenAPI v3 document as protobuf (<c>openapi.v3.Document</c>). Pure.</summary>
public static class OpenApiV3Protobuf
{
    public const string MediaType = "application/com.github.proto-openapi.spec.v3.v1.0+protobuf";

    /// <summary>Methods of a path item and their field numbers.</summary>
    private static readonly (string Name, int Number)[] Methods = [("get", 4), ("put", 5), ("post", 6), ("delete", 7), ("options", 8), ("head", 9), ("patch", 10)];

    /// <param name="document">What <see cref="OpenApiV3.Document"/> or <see cref="CustomOpenApi"/> makes.</param>
    public static byte[] Encode(JsonObject document)
    {
        using var writer = new ProtobufWriter();
        OpenApiValues.Text(writer, 1, document["openapi"]);
        Message(writer, 2, document["info"], info =>
        {
            OpenApiValues.Text(writer, 1, info["title"]);
            OpenApiValues.Text(writer, 6, info["version"]);
        });
        Message(writer, 4, document["paths"], paths => Map(writer, 1, paths, (item, number) => Message(writer, number, item, PathItem)));
        Message(writer, 5, document["components"], components =>
        {
            Message(writer, 1, components["schemas"], schemas => Map(writer, 1, schemas, SchemaOrReference));
            Message(writer, 7, components["securitySchemes"], schemes => Map(writer, 1, schemes, (scheme, number) =>
                Message(writer, number, scheme, inner => Message(writer, 1, inner, SecurityScheme))));
        });
        return writer.Written.ToArray();

        void PathItem(JsonObject item)
        {
            foreach (var (name, number) in Methods) Message(writer, number, item[name], Operation);
            foreach (var parameter in Items(item["parameters"])) Parameter(parameter, 13);
        }

        void Operation(JsonObject operation)
        {
            foreach (var tag in operation["tags"] as JsonArray ?? []) OpenApiValues.Text(writer, 1, tag);
            OpenApiValues.Text(writer, 3, operation["description"]);
            OpenApiValues.Text(writer, 5, operation["operationId"]);
            foreach (var parameter in Items(operation["parameters"])) Parameter(parameter, 6);
            Message(writer, 7, operation["requestBody"], body => Message(writer, 1, body, inner =>
            {
                Content(inner, 2);
                Flag(writer, 3, inner["required"]);
            }));
            Message(writer, 8, operation["responses"], responses => Map(writer, 2, responses, (response, number) => Message(writer, number, response, body => Message(writer, 1, body, inner =>
            {
                OpenApiValues.Text(writer, 1, inner["description"]);
                Content(inner, 3);
            }))));
            OpenApiValues.AllNamed(writer, 13, operation);
        }

        void Parameter(JsonObject parameter, int number) => Message(writer, number, parameter, wrapped => Message(writer, 1, wrapped, inner =>
        {
            OpenApiValues.Text(writer, 1, inner["name"]);
            OpenApiValues.Text(writer, 2, inner["in"]);
            OpenApiValues.Text(writer, 3, inner["description"]);
            Flag(writer, 4, inner["required"]);
            if (inner["schema"] is JsonObject schema) SchemaOrReference(schema, 10);
        }));

        void Content(JsonObject owner, int number) => Message(writer, number, owner["content"], types => Map(writer, 1, types, (type, at) => Message(writer, at, type, inner =>
        {
            if (inner["schema"] is JsonObject schema) SchemaOrReference(schema, 1);
        })));

        void SecurityScheme(JsonObject scheme)
        {
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("type", 1), ("description", 2), ("name", 3), ("in", 4)]) OpenApiValues.Text(writer, number, scheme[name]);
        }

        void SchemaOrReference(JsonObject schema, int number) => Message(writer, number, schema, inner =>
        {
            if (inner["$ref"] is { } reference) Message(writer, 2, inner, _ => OpenApiValues.Text(writer, 1, reference));
            else Message(writer, 1, inner, Schema);
        });

        void Schema(JsonObject schema)
        {
            Flag(writer, 1, schema["nullable"]);
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("title", 9), ("pattern", 17), ("type", 25), ("description", 34), ("format", 35)])
                OpenApiValues.Text(writer, number, schema[name]);
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("multipleOf", 10), ("maximum", 11), ("minimum", 13)])
                if (schema[name] is { } bound) writer.Double(number, Number(bound));
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("maxLength", 15), ("minLength", 16), ("maxItems", 18), ("minItems", 19), ("maxProperties", 21), ("minProperties", 22)])
                if (schema[name] is { } bound) writer.Number(number, (long)Number(bound));
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("exclusiveMaximum", 12), ("exclusiveMinimum", 14), ("uniqueItems", 20)]) Flag(writer, number, schema[name]);
            foreach (var required in schema["required"] as JsonArray ?? []) OpenApiValues.Text(writer, 23, required);
            foreach (var value in schema["enum"] as JsonArray ?? [])
                if (value is not null) OpenApiValues.Any(writer, 24, value);
            foreach (var (name, number) in (ReadOnlySpan<(string, int)>)[("allOf", 26), ("oneOf", 27), ("anyOf", 28)])
                foreach (var part in Items(schema[name])) SchemaOrReference(part, number);
            Message(writer, 29, schema["not"], Schema);
            Message(writer, 30, schema["items"], items => SchemaOrReference(items, 1));
            Message(writer, 31, schema["properties"], properties => Map(writer, 1, properties, SchemaOrReference));
            Message(writer, 32, schema["additionalProperties"], values => SchemaOrReference(values, 1));
            Default(schema["default"]);
            OpenApiValues.AllNamed(writer, 36, schema);
        }

        // Only plain values have a place.
        void Default(JsonNode? value)
        {
            if (value is not JsonValue plain) return;
            var start = writer.Begin(33);
            if (plain.TryGetValue<bool>(out var flag)) writer.Number(2, flag ? 1 : 0);
            else if (plain.TryGetValue<string>(out var text)) writer.Text(3, text);
            else if (plain.GetValueKind() == JsonValueKind.Number) writer.Double(1, Number(plain));
            writer.End(start);
        }
    }

    /// <summary>However the number is held.</summary>
    private static double Number(JsonNode value) => double.Parse(value.ToJsonString(), CultureInfo.InvariantCulture);

    private static IEnumerable<JsonObject> Items(JsonNode? list) => (list as JsonArray ?? []).OfType<JsonObject>();

    private static void Flag(ProtobufWriter writer, int number, JsonNode? value)
    {
        if (value is JsonValue plain && plain.TryGetValue<bool>(out var flag) && flag) writer.Number(number, 1);
    }

    private static void Message(ProtobufWriter writer, int number, JsonNode? value, Action<JsonObject> content)
    {
        if (value is not JsonObject tree) return;
        var start = writer.Begin(number);
        content(tree);
        writer.End(start);
    }

    /// <summary>Members of a map as name (1) and value (2).</summary>
    private static void Map(ProtobufWriter writer, int number, JsonObject map, Action<JsonObject, int> value)
    {
        foreach (var (name, member) in map)
        {
            if (member is not JsonObject tree) continue;
            var start = writer.Begin(number);
            writer.Text(1, name);
            value(tree, 2);
            writer.End(start);
        }
    }
}
