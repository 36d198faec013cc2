using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Protobuf;

namespace Bramble.Api.OpenApi;

/// <summary>Values of no particular type in both versions' protobuf form: they travel as YAML.</summary>
internal static class OpenApiValues
{
    /// <summary>A specification extension: <c>x-kubernetes-…</c> and its value.</summary>
    public static void Named(ProtobufWriter writer, int number, string name, JsonNode? value)
    {
        var named = writer.Begin(number);
        writer.Text(1, name);
        if (value is not null) Any(writer, 2, value);
        writer.End(named);
    }

    public static void AllNamed(ProtobufWriter writer, int number, JsonObject tree)
    {
        foreach (var (name, value) in tree)
            if (name.StartsWith("x-", StringComparison.Ordinal)) Named(writer, number, name, value);
    }

    public static void Any(ProtobufWriter writer, int number, JsonNode value)
    {
        var any = writer.Begin(number);
        writer.Bytes(2, YamlText.From(TreeText.Write(value)));
        writer.End(any);
    }

    /// <summary>A text, when there is one.</summary>
    public static void Text(ProtobufWriter writer, int number, JsonNode? value)
    {
        if (value is JsonValue text && text.TryGetValue<string>(out var found)) writer.Text(number, found);
    }
}
