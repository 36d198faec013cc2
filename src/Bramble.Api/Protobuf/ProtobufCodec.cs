using System.Buffers;
using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.Api.Tables;

namespace Bramble.Api.Protobuf;

/// <summary>Kubernetes' protobuf (<c>application/vnd.kubernetes.protobuf</c>): an envelope around the message of a built-in kind. Custom resources and
/// Tables have no protobuf form. Pure, thread-safe.</summary>
public static class ProtobufCodec
{
    public const string MediaType = "application/vnd.kubernetes.protobuf";

    private static ReadOnlySpan<byte> Magic => [0x6b, 0x38, 0x73, 0x00];

    public static bool HasEnvelope(ReadOnlySpan<byte> body) => body.StartsWith(Magic);

    /// <summary>The type whose message a kind has; null when it has none.</summary>
    public static SchemaType? TypeOf(GroupVersionKind kind)
    {
        var type = BuiltInSchemas.FindKind(kind);
        if (type is null && kind is { Group: "" or "meta.k8s.io", Version: "v1" }) type = BuiltInSchemas.Find("io.k8s.apimachinery.pkg.apis.meta.v1." + kind.Kind);
        if (type is null && kind.Group == "apidiscovery.k8s.io") type = BuiltInSchemas.Find("io.k8s.api.apidiscovery.v2." + kind.Kind);
        return type is { ProtobufName.Length: > 0 } ? type : null;
    }

    /// <summary>The enveloped form of an object, a list or a Status.</summary>
    /// <param name="json">With apiVersion and kind of a kind that has a <see cref="TypeOf"/>.</param>
    public static byte[] Encode(ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        using var writer = new ProtobufWriter();
        WriteEnveloped(writer, document.RootElement);
        return writer.Written.ToArray();
    }

    /// <inheritdoc cref="Encode(ReadOnlyMemory{byte})"/>
    public static byte[] Encode(JsonObject tree)
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer)) tree.WriteTo(writer);
        return Encode(buffer.WrittenMemory);
    }

    /// <summary>The enveloped form of a list.</summary>
    /// <param name="itemKind">Kind of the items: <c>Pod</c> for a PodList, PartialObjectMetadata for its list.</param>
    public static byte[] EncodeList(GroupVersionKind itemKind, in TableMetadata metadata, IEnumerable<ReadOnlyMemory<byte>> items)
    {
        using var writer = new ProtobufWriter();
        writer.Raw(Magic);
        WriteKind(writer, itemKind.GroupVersion.ToString(), itemKind.Kind + "List");
        var type = TypeOf(itemKind) ?? throw NoForm(itemKind);
        var list = writer.Begin(2);
        var listMetadata = writer.Begin(1);
        writer.Text(1, "");
        writer.Text(2, metadata.ResourceVersion);
        writer.Text(3, metadata.Continue ?? "");
        if (metadata.RemainingItemCount is { } remaining) writer.Number(4, remaining);
        writer.End(listMetadata);
        foreach (var item in items)
        {
            using var document = JsonDocument.Parse(item);
            var start = writer.Begin(2);
            ProtobufEncoder.WriteStruct(writer, type, document.RootElement);
            writer.End(start);
        }
        writer.End(list);
        WriteNoEncoding(writer);
        return writer.Written.ToArray();
    }

    /// <summary>One frame of a watch: length, event type, enveloped object.</summary>
    public static byte[] EncodeWatchEvent(string eventType, ReadOnlyMemory<byte> json)
    {
        using var document = JsonDocument.Parse(json);
        using var writer = new ProtobufWriter();
        writer.Raw([0, 0, 0, 0]);
        writer.Text(1, eventType);
        var extension = writer.Begin(2);
        var raw = writer.Begin(1);
        WriteEnveloped(writer, document.RootElement);
        writer.End(raw);
        writer.End(extension);
        var frame = writer.Written.ToArray();
        BinaryPrimitives.WriteInt32BigEndian(frame, frame.Length - 4);
        return frame;
    }

    /// <summary>Reads an enveloped object.</summary>
    /// <returns>apiVersion and kind first, then the message's fields by number; not normalised.</returns>
    /// <exception cref="ProtobufFormatException">No envelope, no known kind, or a broken message.</exception>
    public static JsonObject Decode(ReadOnlyMemory<byte> body)
    {
        if (!HasEnvelope(body.Span)) throw new ProtobufFormatException("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
        var apiVersion = "";
        var kindName = "";
        ReadOnlySpan<byte> raw = default;
        var contentType = "";
        var reader = new ProtobufReader(body.Span[4..]);
        while (reader.Read())
        {
            if (reader.WireType != 2) continue;
            switch (reader.Number)
            {
                case 1:
                    var meta = new ProtobufReader(reader.Content);
                    while (meta.Read())
                    {
                        if (meta is { WireType: 2, Number: 1 }) apiVersion = Encoding.UTF8.GetString(meta.Content);
                        else if (meta is { WireType: 2, Number: 2 }) kindName = Encoding.UTF8.GetString(meta.Content);
                    }
                    break;
                case 2:
                    raw = reader.Content;
                    break;
                case 4:
                    contentType = Encoding.UTF8.GetString(reader.Content);
                    break;
            }
        }
        var tree = new JsonObject { ["kind"] = kindName, ["apiVersion"] = apiVersion };
        if (!GroupVersion.TryParse(apiVersion, out var version)) throw new ProtobufFormatException($"unexpected GroupVersion string: {apiVersion}");
        var kind = new GroupVersionKind(version.Group, version.Version, kindName);
        if (contentType is not ("" or MediaType)) throw new ProtobufFormatException($"unsupported content type {contentType} inside protobuf");
        if (TypeOf(kind) is not { } type)
            throw new ProtobufFormatException($"no kind {FieldError.Quote(kindName)} is registered for version {FieldError.Quote(apiVersion)} in scheme \"pkg/api/legacyscheme/scheme.go:30\"");
        foreach (var (name, value) in ProtobufDecoder.ReadStruct(raw, type).ToList()) tree[name] = value?.Parent is null ? value : value.DeepClone();
        return tree;
    }

    /// <summary>The 400 answer for a body that is no protobuf of the wanted kind.</summary>
    public static StatusException Unrecognized(string kind, string why, ReadOnlySpan<byte> body) =>
        StatusErrors.BadRequest($"the object provided is unrecognized (must be of type {kind}): {why} ({Summary(body)})");

    /// <summary>How upstream shows a body in a message: text when it looks like JSON, else hexadecimal; 64 bytes at most.</summary>
    private static string Summary(ReadOnlySpan<byte> body)
    {
        if (body.IsEmpty) return "<empty>";
        var shown = body.Length > 64 ? body[..64] : body;
        return (body[0] == '{' ? Encoding.UTF8.GetString(shown) : Convert.ToHexStringLower(shown)) + (body.Length > 64 ? " ..." : "");
    }

    private static void WriteEnveloped(ProtobufWriter writer, JsonElement root)
    {
        var apiVersion = root.GetProperty("apiVersion"u8).GetString()!;
        var kindName = root.GetProperty("kind"u8).GetString()!;
        _ = GroupVersion.TryParse(apiVersion, out var version);
        var kind = new GroupVersionKind(version.Group, version.Version, kindName);
        var type = TypeOf(kind) ?? throw NoForm(kind);
        writer.Raw(Magic);
        WriteKind(writer, apiVersion, kindName);
        var start = writer.Begin(2);
        ProtobufEncoder.WriteStruct(writer, type, root);
        writer.End(start);
        WriteNoEncoding(writer);
    }

    private static void WriteKind(ProtobufWriter writer, string apiVersion, string kind)
    {
        var start = writer.Begin(1);
        writer.Text(1, apiVersion);
        writer.Text(2, kind);
        writer.End(start);
    }

    private static void WriteNoEncoding(ProtobufWriter writer)
    {
        writer.Text(3, "");
        writer.Text(4, "");
    }

    private static InvalidOperationException NoForm(GroupVersionKind kind) => new($"protobuf: {kind} has no protobuf form; the caller checks that before");
}
