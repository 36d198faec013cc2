using System.Buffers;
using System.Globalization;
using System.Net.WebSockets;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.ApiServer.Verbs;
using Bramble.Client;
using Microsoft.AspNetCore.Http;

namespace Bramble.ApiServer.Serving;

/// <summary>Streams a watch as frames of JSON or protobuf, over chunked HTTP or a WebSocket. JSON of whole objects is the cache's bytes;
/// other forms of an event are made once for all who watch in that form.</summary>
internal sealed class WatchWriter(HttpContext http, WatchAnswer answer, Negotiated form)
{
    private ServedResource _resource = answer.Resource;
    private readonly string _formName = $"{form.Format}/{form.Transform}/{form.MetaVersion}/{answer.Resource.Kind.GroupVersion}";
    private bool _hasSentTable;

    public async Task RunAsync(CancellationToken cancel)
    {
        if (http.WebSockets.IsWebSocketRequest)
        {
            await RunWebSocketAsync(cancel);
            return;
        }
        var response = http.Response;
        response.StatusCode = 200;
        response.ContentType = form.Format == AnswerFormat.Protobuf ? "application/vnd.kubernetes.protobuf;stream=watch" : form.ContentType;
        await response.StartAsync(cancel);
        var writer = response.BodyWriter;
        await writer.FlushAsync(cancel);
        await using var steps = answer.Stream.StepsAsync(cancel).GetAsyncEnumerator(cancel);
        var next = steps.MoveNextAsync();
        while (true)
        {
            // Flush only when nothing more is there at once: a burst goes out in few packets.
            if (!next.IsCompleted)
            {
                var flushed = await writer.FlushAsync(cancel);
                if (flushed.IsCompleted) return;
            }
            if (!await next) break;
            Frame(writer, steps.Current);
            if (writer.UnflushedBytes > 64 * 1024) await writer.FlushAsync(cancel);
            next = steps.MoveNextAsync();
        }
        await writer.FlushAsync(cancel);
    }

    private async Task RunWebSocketAsync(CancellationToken cancel)
    {
        var protocols = http.WebSockets.WebSocketRequestedProtocols;
        var isBase64 = protocols.Contains("base64.binary.k8s.io");
        using var socket = await http.WebSockets.AcceptWebSocketAsync(isBase64 ? "base64.binary.k8s.io" : protocols.Contains("binary.k8s.io") ? "binary.k8s.io" : null);
        using var closed = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var reading = ReadUntilClosedAsync(socket, closed);
        var frame = new ArrayBufferWriter<byte>(4096);
        await foreach (var step in answer.Stream.StepsAsync(closed.Token))
        {
            frame.ResetWrittenCount();
            Frame(frame, step);
            var type = form.Format == AnswerFormat.Protobuf && !isBase64 ? WebSocketMessageType.Binary : WebSocketMessageType.Text;
            var bytes = isBase64 ? Encoding.ASCII.GetBytes(Convert.ToBase64String(frame.WrittenSpan)) : frame.WrittenMemory;
            await socket.SendAsync(bytes, type, WebSocketMessageFlags.EndOfMessage, closed.Token);
        }
        if (socket.State is WebSocketState.Open or WebSocketState.CloseReceived)
            await socket.CloseOutputAsync(WebSocketCloseStatus.NormalClosure, null, CancellationToken.None);
        await closed.CancelAsync();
        await reading;
    }

    private static async Task ReadUntilClosedAsync(WebSocket socket, CancellationTokenSource closed)
    {
        var buffer = new byte[256];
        try
        {
            while ((await socket.ReceiveAsync(buffer.AsMemory(), closed.Token)).MessageType != WebSocketMessageType.Close) { }
            await closed.CancelAsync();
        }
        catch (Exception e) when (e is WebSocketException or OperationCanceledException)
        {
            await closed.CancelAsync(); // the client is gone: the watch ends
        }
    }

    private void Frame(IBufferWriter<byte> output, in WatchStep step)
    {
        var type = step.Error is not null ? "ERROR" : TypeName(step.Type);
        var json = Body(step);
        switch (form.Format)
        {
            case AnswerFormat.Protobuf:
                output.Write(ProtobufForm.WatchFrame(type, json));
                return;
            default:
                output.Write("{\"type\":\""u8);
                Encoding.ASCII.GetBytes(type, output);
                output.Write("\",\"object\":"u8);
                output.Write(json.Span);
                output.Write("}\n"u8);
                return;
        }
    }

    private static string TypeName(WatchEventType type) => type switch
    {
        WatchEventType.Added => "ADDED",
        WatchEventType.Modified => "MODIFIED",
        WatchEventType.Deleted => "DELETED",
        _ => "BOOKMARK",
    };

    private ReadOnlyMemory<byte> Body(in WatchStep step)
    {
        if (step.Error is { } error) return TreeText.Write(error.ToTree());
        if (step.Object is not { } obj) return Shown(BookmarkJson(step));
        _resource = answer.Newest;
        if (form.Transform == AnswerTransform.None && !_resource.IsConverted) return obj.Json;
        if (form.Transform == AnswerTransform.Table || step.Forms is not { } forms) return Shown(_resource.ToServed(obj).Json);
        return forms.GetOrMake(_formName, step.IsPrevious, () => Shown(_resource.ToServed(obj).Json).ToArray());
    }

    private ReadOnlyMemory<byte> Shown(ReadOnlyMemory<byte> json)
    {
        switch (form.Transform)
        {
            case AnswerTransform.PartialMetadata:
                return ObjectJson.PartialMetadata(json.Span, form.MetaVersion);
            case AnswerTransform.Table:
                var table = TableForm.OfWatch(http, _resource, json, form.MetaVersion, withColumns: !_hasSentTable);
                _hasSentTable = true;
                return table;
            default:
                return json;
        }
    }

    private ReadOnlyMemory<byte> BookmarkJson(in WatchStep step)
    {
        var meta = new JsonObject { ["resourceVersion"] = step.Revision.ToString(CultureInfo.InvariantCulture) };
        if (step.EndsInitialEvents) meta["annotations"] = new JsonObject { ["k8s.io/initial-events-end"] = "true" };
        var tree = new JsonObject { ["kind"] = _resource.Kind.Kind, ["apiVersion"] = _resource.Kind.GroupVersion.ToString(), ["metadata"] = meta };
        return TreeText.Write(_resource.Api.IsBuiltIn ? Normalizer.Normalize(tree, _resource.Type) : tree);
    }
}
