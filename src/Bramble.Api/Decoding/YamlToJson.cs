using System.Text;

namespace Bramble.Api.Decoding;

/// <summary>The text is not YAML; the message is that of Go's library.</summary>
public sealed class YamlSyntaxException(string message) : Exception(message);

/// <summary>YAML to JSON as sigs.k8s.io/yaml does it: YAML 1.1 scalars, the first document only.</summary>
public static class YamlToJson
{
    /// <param name="repeatedKeys">Receives <c>line 8: key "a" already set in map</c>.</param>
    /// <exception cref="YamlSyntaxException">Not YAML.</exception>
    public static ReadOnlyMemory<byte> Convert(ReadOnlySpan<byte> yaml, List<string> repeatedKeys) => new YamlReader(Encoding.UTF8.GetString(yaml), repeatedKeys).ToJson();

    public static string UnmarshalErrors(List<string> errors) => $"yaml: unmarshal errors:\n  {string.Join("\n  ", errors)}";
}
