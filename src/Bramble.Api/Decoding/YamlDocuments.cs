using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Api.Decoding;

/// <summary>Reads YAML (or JSON, which is YAML) that people write: manifests with several documents, kubeconfig files.</summary>
public static class YamlDocuments
{
    /// <summary>The documents of a text, empty ones left out. Splits at lines that are <c>---</c>, as client-go does.</summary>
    /// <exception cref="FormatException">A document is not YAML; the message is Go's.</exception>
    public static IEnumerable<JsonNode> Read(string text)
    {
        foreach (var document in Split(text))
            if (ReadOne(document) is { } node) yield return node;
    }

    /// <summary>One document; null when it is empty.</summary>
    /// <exception cref="FormatException">Not YAML; the message is Go's.</exception>
    public static JsonNode? ReadOne(string document)
    {
        try
        {
            return AnyReader.Read(YamlToJson.Convert(Encoding.UTF8.GetBytes(document), []).Span);
        }
        catch (YamlSyntaxException failed)
        {
            throw new FormatException(failed.Message, failed);
        }
    }

    private static IEnumerable<string> Split(string text)
    {
        var document = new StringBuilder();
        foreach (var line in text.Split('\n'))
        {
            if (line.TrimEnd() is not "---")
            {
                document.Append(line).Append('\n');
                continue;
            }
            yield return document.ToString();
            document.Clear();
        }
        yield return document.ToString();
    }
}
