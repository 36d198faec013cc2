using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Tables;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Objects as Tables.</summary>
internal static class TableForm
{
    private static readonly JsonWriterOptions Options = new() { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    public static ReadOnlyMemory<byte> OfObject(HttpContext http, GroupVersionKind kind, TablePrinter printer, ReadOnlyMemory<byte> json, string metaVersion) =>
        Write(kind, printer, [json], new TableMetadata(VersionOf(json)), Query(http, metaVersion, hasHeaders: !NoHeaders(http)));

    public static ReadOnlyMemory<byte> OfList(HttpContext http, ListAnswer list, string metaVersion)
    {
        var metadata = new TableMetadata(
            list.Revision > 0 ? list.Revision.ToString(CultureInfo.InvariantCulture) : "", list.Continue.Length > 0 ? list.Continue : null, list.Remaining);
        return Write(
            list.Resource.Kind, list.Resource.Printer, [.. list.Items.Select(i => list.Resource.ToServed(i).Json)], metadata, Query(http, metaVersion, hasHeaders: !NoHeaders(http)));
    }

    public static ReadOnlyMemory<byte> OfWatch(HttpContext http, ServedResource resource, ReadOnlyMemory<byte> json, string metaVersion, bool withColumns) =>
        Write(resource.Kind, resource.Printer, [json], new TableMetadata(VersionOf(json)), Query(http, metaVersion, withColumns && !NoHeaders(http)));

    /// <summary>400 for an includeObject that is none; called before the request is executed.</summary>
    public static void Check(HttpContext http) => Query(http, "v1", hasHeaders: true);

    private static bool NoHeaders(HttpContext http) => http.Request.Query["headers"] == "false";

    private static TableQuery Query(HttpContext http, string metaVersion, bool hasHeaders)
    {
        if (!TableQuery.TryParseInclude(http.Request.Query["includeObject"], out var include, out var error)) throw StatusErrors.BadRequest(error);
        return new TableQuery(metaVersion, include, hasHeaders);
    }

    private static ReadOnlyMemory<byte> Write(GroupVersionKind kind, TablePrinter printer, IReadOnlyList<ReadOnlyMemory<byte>> objects, TableMetadata metadata, TableQuery query)
    {
        var buffer = new ArrayBufferWriter<byte>(4096);
        using (var writer = new Utf8JsonWriter(buffer, Options))
            TableWriter.Write(writer, printer, kind, objects, metadata, query, DateTimeOffset.UtcNow);
        return buffer.WrittenMemory;
    }

    private static string VersionOf(ReadOnlyMemory<byte> json)
    {
        var metadata = JsonNode.Parse(PartialObjectMetadata.MetadataOf(json.Span)) as JsonObject;
        return metadata?.Text("resourceVersion") ?? "";
    }
}
