using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.Client.Http;

/// <summary>Cuts lists and watch events into objects that keep their bytes.</summary>
internal static class ListParser
{
    public static ObjectList Parse(ResourceId resource, ReadOnlyMemory<byte> json)
    {
        var items = new List<KubeObject>();
        string version = "", next = "";
        var reader = new Utf8JsonReader(json.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            if (reader.ValueTextEquals("metadata"u8))
            {
                reader.Read();
                while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
                {
                    var isVersion = reader.ValueTextEquals("resourceVersion"u8);
                    var isContinue = reader.ValueTextEquals("continue"u8);
                    reader.Read();
                    if (isVersion) version = reader.GetString() ?? "";
                    else if (isContinue) next = reader.GetString() ?? "";
                    else reader.Skip();
                }
            }
            else if (reader.ValueTextEquals("items"u8))
            {
                reader.Read();
                if (reader.TokenType != JsonTokenType.StartArray) continue;
                while (reader.Read() && reader.TokenType == JsonTokenType.StartObject)
                {
                    var start = (int)reader.TokenStartIndex;
                    reader.Skip();
                    items.Add(KubeObject.Parse(WithKind(resource, json.Span[start..(int)reader.BytesConsumed])));
                }
            }
            else
            {
                reader.Read();
                reader.Skip();
            }
        }
        return new ObjectList(items, version, next.Length == 0 ? null : next);
    }

    /// <summary>Null for an event of a type that is not known.</summary>
    /// <exception cref="StatusException">The event says that the watch failed (410: list again).</exception>
    public static WatchEvent? ParseWatchEvent(ReadOnlyMemory<byte> line)
    {
        if (line.Length == 0) return null;
        string type = "";
        ReadOnlyMemory<byte> obj = default;
        var reader = new Utf8JsonReader(line.Span);
        reader.Read();
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isType = reader.ValueTextEquals("type"u8);
            var isObject = reader.ValueTextEquals("object"u8);
            reader.Read();
            if (isType) type = reader.GetString() ?? "";
            var start = (int)reader.TokenStartIndex;
            reader.Skip();
            if (isObject) obj = line[start..(int)reader.BytesConsumed];
        }
        return type switch
        {
            "ADDED" => new(WatchEventType.Added, KubeObject.Parse(obj)),
            "MODIFIED" => new(WatchEventType.Modified, KubeObject.Parse(obj)),
            "DELETED" => new(WatchEventType.Deleted, KubeObject.Parse(obj)),
            "BOOKMARK" => new(WatchEventType.Bookmark, KubeObject.Parse(obj)),
            "ERROR" => throw new StatusException(StatusParser.Parse(500, obj)),
            _ => null,
        };
    }

    /// <summary>Items of a list do not say their kind; objects here always do.</summary>
    private static byte[] WithKind(ResourceId resource, ReadOnlySpan<byte> item)
    {
        var reader = new Utf8JsonReader(item);
        reader.Read();
        if (reader.Read() && reader.TokenType == JsonTokenType.PropertyName && (reader.ValueTextEquals("kind"u8) || reader.ValueTextEquals("apiVersion"u8))) return item.ToArray();
        var head = Encoding.UTF8.GetBytes($"{{\"kind\":\"{resource.Kind}\",\"apiVersion\":\"{resource.ApiVersion}\"" + (item.Length > 2 ? "," : ""));
        var whole = new byte[head.Length + item.Length - 1];
        head.CopyTo(whole, 0);
        item[1..].CopyTo(whole.AsSpan(head.Length));
        return whole;
    }
}

/// <summary>Reads the Status of a failed request; an answer that is none (a proxy's page) becomes one.</summary>
internal static class StatusParser
{
    public static Status Parse(int code, ReadOnlyMemory<byte> body)
    {
        JsonObject? tree;
        try
        {
            tree = JsonNode.Parse(body.Span) as JsonObject;
        }
        catch (JsonException)
        {
            tree = null;
        }
        if (tree is null || (string?)tree["kind"] != "Status")
            return new Status(code, "", Encoding.UTF8.GetString(body.Span[..Math.Min(body.Length, 512)]).Trim() is { Length: > 0 } text ? text : $"the server answered {code.ToString(CultureInfo.InvariantCulture)}");
        StatusDetails? details = null;
        if (tree["details"] is JsonObject d)
        {
            var causes = (d["causes"] as JsonArray)?.OfType<JsonObject>()
                .Select(c => new StatusCause((string?)c["reason"] ?? "", (string?)c["message"] ?? "", (string?)c["field"])).ToList();
            details = new StatusDetails((string?)d["name"], (string?)d["group"], (string?)d["kind"], causes, (int?)d["retryAfterSeconds"] ?? 0, (string?)d["uid"]);
        }
        return new Status((int?)tree["code"] ?? code, (string?)tree["reason"] ?? "", (string?)tree["message"] ?? "", details);
    }
}
