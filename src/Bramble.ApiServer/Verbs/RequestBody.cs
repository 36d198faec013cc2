using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Schemas;
using Bramble.ApiServer.Requests;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>Bodies of writes, in each format they may come.</summary>
internal static class RequestBody
{
    private const string Protobuf = "application/vnd.kubernetes.protobuf";
    private const string Accepted = "application/json, application/yaml, application/vnd.kubernetes.protobuf";

    /// <summary>The media type without parameters; nothing sent is JSON.</summary>
    public static string MediaType(string contentType)
    {
        var semicolon = contentType.IndexOf(';');
        var type = (semicolon < 0 ? contentType : contentType[..semicolon]).Trim().ToLowerInvariant();
        return contentType.Length == 0 ? "application/json" : type;
    }

    /// <summary>415 unless objects may come in this form.</summary>
    public static void CheckMediaType(string contentType)
    {
        if (MediaType(contentType) is not ("application/json" or "application/yaml" or Protobuf))
            throw new StatusException(new Status(
                415, "UnsupportedMediaType", $"the body of the request was in an unknown format - accepted media types include: {Accepted}"));
    }

    /// <summary>The object of a body, as Go's decoder of the type would leave it; warnings go to the request.</summary>
    public static JsonObject Decode(ApiRequest request, SchemaType type, GroupVersionKind expected, FieldValidation validation)
    {
        if (request.Tree is JsonObject tree)
        {
            // An in-process caller need not say what the path says.
            if (tree.Text("kind").Length == 0) tree["kind"] = expected.Kind;
            if (tree.Text("apiVersion").Length == 0) tree["apiVersion"] = expected.GroupVersion.ToString();
            return ObjectDecoder.Decode(TreeText.Write(tree), BodyFormat.Json, type, expected, FieldValidation.Ignore).Tree;
        }
        CheckMediaType(request.ContentType);
        var media = MediaType(request.ContentType);
        var body = media == Protobuf ? ProtobufBody.ToJson(request.Body, expected) : request.Body;
        var decoded = ObjectDecoder.Decode(body, media == "application/yaml" ? BodyFormat.Yaml : BodyFormat.Json, type, expected, validation);
        request.Warnings.AddRange(decoded.Warnings);
        return decoded.Tree;
    }

    /// <summary>DeleteOptions' body as JSON; null: none was sent.</summary>
    public static ReadOnlyMemory<byte>? OptionsJson(ApiRequest request)
    {
        if (request.Tree is { } tree) return TreeText.Write(tree);
        if (request.Body.IsEmpty) return null;
        CheckMediaType(request.ContentType);
        switch (MediaType(request.ContentType))
        {
            case "application/yaml": return YamlToJson.Convert(request.Body.Span, []);
            case Protobuf:
                var kind = new GroupVersionKind("", "v1", "DeleteOptions");
                return ProtobufBody.ToJson(request.Body, kind);
            default: return request.Body;
        }
    }
}
