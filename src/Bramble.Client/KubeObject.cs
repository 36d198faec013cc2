using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using k8s;
using k8s.Models;

namespace Bramble.Client;

/// <summary>One version of one object: its bytes as on the wire, and a typed model parsed at most once and shared read-only by every reader in the
/// process. Never change a model got from here: write with a patch or through <see cref="ToTree"/>. Thread-safe.</summary>
public sealed class KubeObject(NamespacedName name, string uid, long resourceVersion, ReadOnlyMemory<byte> json)
{
    private object? _model;

    public NamespacedName Name { get; } = name;
    public string Uid { get; } = uid;
    public long ResourceVersion { get; } = resourceVersion;

    /// <summary>UTF-8 JSON, <c>metadata.resourceVersion</c> in place.</summary>
    public ReadOnlyMemory<byte> Json { get; } = json;

    /// <summary>Reads name, uid and resourceVersion out of an object's bytes and keeps the bytes.</summary>
    /// <exception cref="JsonException">Not a JSON object.</exception>
    public static KubeObject Parse(ReadOnlyMemory<byte> json)
    {
        string ns = "", name = "", uid = "", version = "";
        var reader = new Utf8JsonReader(json.Span);
        if (!reader.Read() || reader.TokenType != JsonTokenType.StartObject) throw new JsonException("not a JSON object");
        while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
        {
            var isMetadata = reader.ValueTextEquals("metadata"u8);
            reader.Read();
            if (!isMetadata || reader.TokenType != JsonTokenType.StartObject)
            {
                reader.Skip();
                continue;
            }
            while (reader.Read() && reader.TokenType == JsonTokenType.PropertyName)
            {
                var field = reader.ValueTextEquals("name"u8) ? 1 : reader.ValueTextEquals("namespace"u8) ? 2
                    : reader.ValueTextEquals("uid"u8) ? 3 : reader.ValueTextEquals("resourceVersion"u8) ? 4 : 0;
                reader.Read();
                if (field == 0 || reader.TokenType != JsonTokenType.String) reader.Skip();
                else if (field == 1) name = reader.GetString()!;
                else if (field == 2) ns = reader.GetString()!;
                else if (field == 3) uid = reader.GetString()!;
                else version = reader.GetString()!;
            }
        }
        return new KubeObject(new NamespacedName(ns, name), uid, long.TryParse(version, CultureInfo.InvariantCulture, out var number) ? number : 0, json);
    }

    /// <summary>The shared, read-only model. Racing first readers parse twice at worst; all get the same instance after that.</summary>
    public T Model<T>() where T : class, IKubernetesObject<V1ObjectMeta>
    {
        if (Volatile.Read(ref _model) is T known) return known;
        var parsed = ModelJson.Read<T>(Json.Span.Length == 0 ? "{}"u8 : Json.Span);
        return Interlocked.CompareExchange(ref _model, parsed, null) as T ?? parsed;
    }

    /// <summary>A mutable copy of the whole object, nothing lost.</summary>
    public JsonObject ToTree() => JsonNode.Parse(Json.Span)!.AsObject();
}

/// <summary>What a watch says about an object.</summary>
public enum WatchEventType { Added, Modified, Deleted, Bookmark }

/// <summary>One watch event. A bookmark's object has only its resourceVersion.</summary>
public readonly record struct WatchEvent(WatchEventType Type, KubeObject Object);
