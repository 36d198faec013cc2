using System.Text.Json.Nodes;
using Bramble.Api.Protobuf;

namespace Bramble.Api.OpenApi;

/// <summary>The OpenAPI v2 document as protobuf (<c>openapi.v2.Document</c>), which is the only form kubectl and client-go ask for: all types, and of the
/// operations the one by which they learn that the server checks fields itself. Pure.</summary>
public static class OpenApiV2Protobuf
{
    public const string MediaType = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";

    /// <param name="document">What <see cref="OpenApiV2.Document"/> makes.</param>
    public static byte[] Encode(JsonObject document)
    {
        using var writer = new ProtobufWriter();
        writer.Text(1, "2.0");
        var info = writer.Begin(2);
        writer.Text(1, (string?)document["info"]?["title"] ?? "");
        writer.Text(2, (string?)document["info"]?["version"] ?? "");
        writer.End(info);
        WriteNamespacePatch(writer);
        var definitions = writer.Begin(9);
        foreach (var (name, schema) in document["definitions"]!.AsObject()) WriteNamed(writer, 1, name, schema!.AsObject());
        writer.End(definitions);
        return writer.Written.ToArray();
    }

    /// <summary>PATCH of a Namespace with fieldValidation: clients take it as the sign for all kinds they do not find.</summary>
    private static void WriteNamespacePatch(ProtobufWriter writer)
    {
        var paths = writer.Begin(8);
        var path = writer.Begin(2);
        writer.Text(1, "/api/v1/namespaces/{name}");
        var item = writer.Begin(2);
        var patch = writer.Begin(8);
        foreach (var name in (ReadOnlySpan<string>)["dryRun", "fieldManager", "fieldValidation", "force"])
        {
            // ParametersItem > Parameter > NonBodyParameter > QueryParameterSubSchema
            var parameter = writer.Begin(8);
            var inner = writer.Begin(1);
            var nonBody = writer.Begin(2);
            var query = writer.Begin(3);
            writer.Text(2, "query");
            writer.Text(4, name);
            writer.Text(6, name == "force" ? "boolean" : "string");
            writer.End(query);
            writer.End(nonBody);
            writer.End(inner);
            writer.End(parameter);
        }
        OpenApiValues.Named(writer, 13, "x-kubernetes-group-version-kind", new JsonObject { ["group"] = "", ["kind"] = "Namespace", ["version"] = "v1" });
        writer.End(patch);
        writer.End(item);
        writer.End(path);
        writer.End(paths);
    }

    private static void WriteNamed(ProtobufWriter writer, int number, string name, JsonObject schema)
    {
        var named = writer.Begin(number);
        writer.Text(1, name);
        WriteSchema(writer, 2, schema);
        writer.End(named);
    }

    private static void WriteSchema(ProtobufWriter writer, int number, JsonObject schema)
    {
        var start = writer.Begin(number);
        OpenApiValues.Text(writer, 1, schema["$ref"]);
        OpenApiValues.Text(writer, 2, schema["format"]);
        OpenApiValues.Text(writer, 4, schema["description"]);
        if (schema["default"] is { } @default) OpenApiValues.Any(writer, 5, @default);
        foreach (var required in schema["required"] as JsonArray ?? []) OpenApiValues.Text(writer, 19, required);
        foreach (var value in schema["enum"] as JsonArray ?? []) OpenApiValues.Any(writer, 20, value!);
        if (schema["additionalProperties"] is JsonObject values)
        {
            var item = writer.Begin(21);
            WriteSchema(writer, 1, values);
            writer.End(item);
        }
        if (schema["type"] is { } type)
        {
            var item = writer.Begin(22);
            OpenApiValues.Text(writer, 1, type);
            writer.End(item);
        }
        if (schema["items"] is JsonObject items)
        {
            var item = writer.Begin(23);
            WriteSchema(writer, 1, items);
            writer.End(item);
        }
        foreach (var part in schema["allOf"] as JsonArray ?? []) WriteSchema(writer, 24, part!.AsObject());
        if (schema["properties"] is JsonObject properties)
        {
            var all = writer.Begin(25);
            foreach (var (name, property) in properties) WriteNamed(writer, 1, name, property!.AsObject());
            writer.End(all);
        }
        OpenApiValues.AllNamed(writer, 31, schema);
        writer.End(start);
    }
}
