using System.Buffers;
using System.Globalization;
using System.IO.Compression;
using System.IO.Pipelines;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Protobuf;
using Bramble.Api.Tables;
using Bramble.ApiServer.Verbs;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Writes answers in the negotiated form. Objects and lists in JSON are copies of the cache's bytes.</summary>
internal static class AnswerWriter
{
    /// <summary>Answers larger than this are compressed for clients that accept it (upstream's threshold).</summary>
    private const int CompressFromBytes = 128 * 1024;

    /// <summary>Lists larger than this are written in pieces of it.</summary>
    private const int StreamFromBytes = 64 * 1024;

    public static Task WriteAsync(HttpContext http, ApiAnswer answer, Negotiated form, CancellationToken cancel)
    {
        switch (answer)
        {
            case ListAnswer list: return WriteListAsync(http, list, form, cancel);
            case ObjectAnswer obj: return WriteObjectAsync(http, obj, form, cancel);
            default: throw new InvalidOperationException($"no writer for {answer.GetType().Name}");
        }
    }

    /// <summary>A refusal, in the form the client asked for where it has one.</summary>
    public static Task WriteStatusAsync(HttpContext http, Status status, AnswerFormat format, CancellationToken cancel)
    {
        if (status.Details is { RetryAfterSeconds: > 0 and var seconds }) http.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
        return WriteBytesAsync(http, status.Code, TreeText.Write(status.ToTree()), new Negotiated(format, AnswerTransform.None, "v1"), cancel);
    }

    public static Task WriteTreeAsync(HttpContext http, int code, JsonObject tree, Negotiated form, CancellationToken cancel) =>
        WriteBytesAsync(http, code, TreeText.Write(tree), form, cancel);

    private static Task WriteObjectAsync(HttpContext http, ObjectAnswer answer, Negotiated form, CancellationToken cancel)
    {
        var json = answer.Json;
        if (answer.Shown is { } kind)
            json = form.Transform switch
            {
                AnswerTransform.PartialMetadata => ObjectJson.PartialMetadata(json.Span, form.MetaVersion),
                AnswerTransform.Table => TableForm.OfObject(http, kind, answer.Printer ?? TablePrinter.For(kind), json, form.MetaVersion),
                _ => json,
            };
        return WriteBytesAsync(http, answer.Code, json, form, cancel);
    }

    private static async Task WriteListAsync(HttpContext http, ListAnswer list, Negotiated form, CancellationToken cancel)
    {
        if (form.Transform == AnswerTransform.Table)
        {
            await WriteBytesAsync(http, list.Code, TableForm.OfList(http, list, form.MetaVersion), form, cancel);
            return;
        }
        if (form.Format == AnswerFormat.Protobuf)
        {
            var isPartial = form.Transform == AnswerTransform.PartialMetadata;
            var metadata = new TableMetadata(list.Revision.ToString(CultureInfo.InvariantCulture), list.Continue.Length > 0 ? list.Continue : null, list.Remaining);
            var kind = isPartial ? new GroupVersionKind("meta.k8s.io", form.MetaVersion, "PartialObjectMetadata") : list.Resource.Kind;
            var items = list.Items.Select(i => list.Resource.ToServed(i).Json).Select(j => isPartial ? ObjectJson.PartialMetadata(j.Span, form.MetaVersion) : j);
            await SendAsync(http, list.Code, ProtobufCodec.EncodeList(kind, metadata, items), form, cancel);
            return;
        }
        long size = 256;
        foreach (var item in list.Items) size += item.Json.Length;
        if (size > StreamFromBytes && form.Format == AnswerFormat.Json && !IsPretty(http.Request) && !HttpMethods.IsHead(http.Request.Method))
        {
            await StreamListAsync(http, list, form, size, cancel);
            return;
        }
        var body = new ArrayBufferWriter<byte>((int)size);
        BeginList(body, list, form);
        var head = ObjectJson.HeadOf(list.Resource.Kind);
        for (var i = 0; i < list.Items.Count; i++) WriteItem(body, list, i, head, form);
        body.Write("]}"u8);
        await WriteBytesAsync(http, list.Code, body.WrittenMemory, form, cancel);
    }

    /// <summary>A long list goes out as it is copied: it is never in memory a second time.</summary>
    private static async Task StreamListAsync(HttpContext http, ListAnswer list, Negotiated form, long size, CancellationToken cancel)
    {
        var response = http.Response;
        response.StatusCode = list.Code;
        response.ContentType = form.ContentType;
        var isCompressed = size > CompressFromBytes && http.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal);
        if (isCompressed)
        {
            response.Headers.ContentEncoding = "gzip";
            response.Headers.Vary = "Accept-Encoding";
        }
        await using var gzip = isCompressed ? new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true) : null;
        var writer = gzip is null ? response.BodyWriter : PipeWriter.Create(gzip, new StreamPipeWriterOptions(leaveOpen: true));
        BeginList(writer, list, form);
        var head = ObjectJson.HeadOf(list.Resource.Kind);
        for (var i = 0; i < list.Items.Count; i++)
        {
            WriteItem(writer, list, i, head, form);
            if (writer.UnflushedBytes > StreamFromBytes) await writer.FlushAsync(cancel);
        }
        writer.Write("]}\n"u8);
        await writer.FlushAsync(cancel);
    }

    private static void BeginList(IBufferWriter<byte> body, ListAnswer list, Negotiated form)
    {
        var resource = list.Resource;
        var isPartial = form.Transform == AnswerTransform.PartialMetadata;
        WriteListHead(
            body,
            isPartial ? "PartialObjectMetadataList" : resource.Api.ListKind,
            isPartial ? $"meta.k8s.io/{form.MetaVersion}" : resource.Kind.GroupVersion.ToString(),
            list);
    }

    private static void WriteItem(IBufferWriter<byte> body, ListAnswer list, int index, ReadOnlySpan<byte> head, Negotiated form)
    {
        if (index > 0) body.Write(","u8);
        var json = list.Resource.ToServed(list.Items[index]).Json.Span;
        if (form.Transform == AnswerTransform.PartialMetadata) body.Write(ObjectJson.PartialMetadata(json, form.MetaVersion));
        else if (list.Resource.Api.IsBuiltIn) ObjectJson.WriteItem(body, json, head);
        else body.Write(json);
    }

    public static void WriteListHead(IBufferWriter<byte> body, string kind, string apiVersion, ListAnswer list)
    {
        var text = new StringBuilder(200)
            .Append("{\"kind\":\"").Append(kind).Append("\",\"apiVersion\":\"").Append(apiVersion)
            .Append("\",\"metadata\":{");
        if (list.Revision > 0) text.Append("\"resourceVersion\":\"").Append(list.Revision.ToString(CultureInfo.InvariantCulture)).Append('"');
        // Lists of custom resources always write it, as upstream's list of unstructured objects does.
        if (list.Continue.Length > 0 || !list.Resource.Api.IsBuiltIn && kind == list.Resource.Api.ListKind) text.Append(",\"continue\":\"").Append(list.Continue).Append('"');
        if (list.Remaining is { } remaining) text.Append(",\"remainingItemCount\":").Append(remaining.ToString(CultureInfo.InvariantCulture));
        text.Append("},\"items\":[");
        body.Write(Encoding.UTF8.GetBytes(text.ToString()));
    }

    private static async Task WriteBytesAsync(HttpContext http, int code, ReadOnlyMemory<byte> json, Negotiated form, CancellationToken cancel)
    {
        var body = form.Format switch
        {
            AnswerFormat.Yaml => YamlText.From(json),
            AnswerFormat.Protobuf => ProtobufForm.Encode(json),
            _ when IsPretty(http.Request) => ObjectJson.Pretty(json.Span),
            _ => json,
        };
        await SendAsync(http, code, body, form, cancel);
    }

    private static async Task SendAsync(HttpContext http, int code, ReadOnlyMemory<byte> body, Negotiated form, CancellationToken cancel)
    {
        var response = http.Response;
        response.StatusCode = code;
        response.ContentType = form.ContentType;
        if (HttpMethods.IsHead(http.Request.Method)) return;
        if (body.Length > CompressFromBytes && HttpMethods.IsGet(http.Request.Method) && http.Request.Headers.AcceptEncoding.ToString().Contains("gzip", StringComparison.Ordinal))
        {
            response.Headers.ContentEncoding = "gzip";
            response.Headers.Vary = "Accept-Encoding";
            await using var gzip = new GZipStream(response.Body, CompressionLevel.Fastest, leaveOpen: true);
            await gzip.WriteAsync(body, cancel);
            return;
        }
        // Go ends a JSON answer with a line feed where it was encoded for a person or a stream.
        var needsLineFeed = form.Format == AnswerFormat.Json;
        response.ContentLength = body.Length + (needsLineFeed ? 1 : 0);
        var writer = response.BodyWriter;
        writer.Write(body.Span);
        if (needsLineFeed) writer.Write("\n"u8);
        await writer.FlushAsync(cancel);
    }

    private static bool IsPretty(HttpRequest request)
    {
        if (request.Query.TryGetValue("pretty", out var asked)) return asked != "false" && asked != "0";
        var agent = request.Headers.UserAgent.ToString();
        return agent.StartsWith("curl", StringComparison.Ordinal) || agent.StartsWith("Wget", StringComparison.Ordinal) || agent.StartsWith("Mozilla/5.0", StringComparison.Ordinal);
    }
}
