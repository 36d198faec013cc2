using System.Buffers;
using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;
using YamlDotNet.Core;
using YamlDotNet.Core.Events;

namespace Bramble.Api.Decoding;

/// <summary>Plays YamlDotNet's events into a tree and writes it as JSON. Scalars resolve as in Go's yaml.v2 (YAML 1.1: yes, on and 0777 are no strings).</summary>
internal sealed class YamlReader(string text, List<string> repeatedKeys)
{
    private const int AliasedNodesMax = 100_000;

    private readonly Dictionary<string, Node> _anchors = new(StringComparer.Ordinal);
    private int _depth;
    private int _nodes;

    private abstract record Node;
    private sealed record ScalarNode(string Text, bool IsPlain, string Tag) : Node;
    private sealed record ListNode(List<Node> Items) : Node;
    private sealed record MapNode(List<(Node Key, Node Value)> Pairs) : Node;

    public ReadOnlyMemory<byte> ToJson()
    {
        if (YamlErrors.LeadingTab(text) is { } tab) throw new YamlSyntaxException(tab);
        Node? root = null;
        try
        {
            var parser = new Parser(new Scanner(new StringReader(text), skipComments: true));
            parser.Consume<StreamStart>();
            if (parser.TryConsume<DocumentStart>(out _)) root = ReadNode(parser);
        }
        catch (YamlException failed)
        {
            throw new YamlSyntaxException(YamlErrors.AsGo(failed, text));
        }
        var json = new ArrayBufferWriter<byte>(text.Length + 64);
        using (var writer = new Utf8JsonWriter(json, new JsonWriterOptions { MaxDepth = GoJsonSyntax.DepthMax + 1 }))
        {
            if (root is null) writer.WriteNullValue();
            else Write(writer, root);
        }
        return json.WrittenMemory;
    }

    private Node ReadNode(IParser parser)
    {
        if (++_depth > GoJsonSyntax.DepthMax) throw new YamlSyntaxException("yaml: exceeded max depth of 10000");
        try
        {
            if (parser.TryConsume<AnchorAlias>(out var alias))
                return _anchors.GetValueOrDefault(alias.Value.Value) ?? throw new YamlSyntaxException($"yaml: unknown anchor '{alias.Value.Value}' referenced");
            if (parser.TryConsume<Scalar>(out var scalar))
                return Anchored(scalar, new ScalarNode(scalar.Value, scalar.IsPlainImplicit && scalar.Style == ScalarStyle.Plain, scalar.Tag.IsEmpty ? "" : scalar.Tag.Value));
            if (parser.TryConsume<SequenceStart>(out var sequence))
            {
                var items = new List<Node>();
                var list = Anchored(sequence, new ListNode(items));
                while (!parser.TryConsume<SequenceEnd>(out _)) items.Add(ReadNode(parser));
                return list;
            }
            var start = parser.Consume<MappingStart>();
            var pairs = new List<(Node, Node)>();
            var map = Anchored(start, new MapNode(pairs));
            var keys = new HashSet<string>(StringComparer.Ordinal);
            while (!parser.TryConsume<MappingEnd>(out _))
            {
                var line = parser.Current!.Start.Line;
                var key = ReadNode(parser);
                var value = ReadNode(parser);
                if (key is ScalarNode { Text: not "<<" } name && !keys.Add(name.Text))
                {
                    repeatedKeys.Add($"line {line.ToString(CultureInfo.InvariantCulture)}: key {FieldError.Quote(name.Text)} already set in map");
                    pairs.RemoveAll(p => p.Item1 is ScalarNode earlier && earlier.Text == name.Text);
                }
                pairs.Add((key, value));
            }
            return map;
        }
        finally
        {
            _depth--;
        }
    }

    private T Anchored<T>(NodeEvent from, T node) where T : Node
    {
        if (!from.Anchor.IsEmpty) _anchors[from.Anchor.Value] = node;
        return node;
    }

    private void Write(Utf8JsonWriter json, Node node)
    {
        // Aliases of aliases multiply: a small text must not become a huge one.
        if (++_nodes > AliasedNodesMax && _nodes > text.Length) throw new YamlSyntaxException("yaml: document contains excessive aliasing");
        if (json.CurrentDepth >= GoJsonSyntax.DepthMax) throw new YamlSyntaxException("yaml: exceeded max depth of 10000");
        switch (node)
        {
            case ScalarNode scalar:
                YamlScalars.Write(json, scalar.Text, scalar.IsPlain, scalar.Tag);
                break;
            case ListNode list:
                json.WriteStartArray();
                foreach (var item in list.Items) Write(json, item);
                json.WriteEndArray();
                break;
            case MapNode map:
                json.WriteStartObject();
                WritePairs(json, map, new HashSet<string>(StringComparer.Ordinal));
                json.WriteEndObject();
                break;
        }
    }

    private void WritePairs(Utf8JsonWriter json, MapNode map, HashSet<string> written)
    {
        // Own keys win over those of a merged map, wherever the merge key stands.
        foreach (var (key, value) in map.Pairs)
        {
            if (key is ScalarNode { Text: "<<", IsPlain: true }) continue;
            var name = key is ScalarNode scalar
                ? YamlScalars.KeyText(scalar.Text, scalar.IsPlain)
                : throw new YamlSyntaxException($"error converting YAML to JSON: unsupported map key of type: {(key is MapNode ? "map" : "slice")}");
            if (!written.Add(name)) continue;
            json.WritePropertyName(name);
            Write(json, value);
        }
        foreach (var (key, value) in map.Pairs)
        {
            if (key is not ScalarNode { Text: "<<", IsPlain: true }) continue;
            foreach (var merged in value is ListNode list ? list.Items : [value])
                WritePairs(json, merged as MapNode ?? throw new YamlSyntaxException("yaml: map merge requires map or sequence of maps as the value"), written);
        }
    }
}

/// <summary>Plain scalars of YAML 1.1 as Go's yaml.v2 resolves them.</summary>
internal static partial class YamlScalars
{
    [GeneratedRegex(@"^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?\z")]
    private static partial Regex Float();

    public static void Write(Utf8JsonWriter json, string text, bool isPlain, string tag)
    {
        if (!isPlain || tag is "tag:yaml.org,2002:str" or "!")
        {
            json.WriteStringValue(text);
            return;
        }
        switch (text)
        {
            case "" or "~" or "null" or "Null" or "NULL":
                json.WriteNullValue();
                return;
            case "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y":
                json.WriteBooleanValue(true);
                return;
            case "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N":
                json.WriteBooleanValue(false);
                return;
        }
        if (Integer(text) is { } integer) json.WriteRawValue(integer, skipInputValidation: true);
        else if (text[0] is '+' or '-' or '.' or (>= '0' and <= '9') && Float().IsMatch(text.Replace("_", "", StringComparison.Ordinal)))
            json.WriteNumberValue(double.Parse(text.Replace("_", "", StringComparison.Ordinal), CultureInfo.InvariantCulture));
        else json.WriteStringValue(text);
    }

    /// <summary>A key as the JSON encoder writes it: numbers and booleans become their text.</summary>
    public static string KeyText(string text, bool isPlain)
    {
        if (!isPlain) return text;
        return text switch
        {
            "true" or "True" or "TRUE" or "yes" or "Yes" or "YES" or "on" or "On" or "ON" or "y" or "Y" => "true",
            "false" or "False" or "FALSE" or "no" or "No" or "NO" or "off" or "Off" or "OFF" or "n" or "N" => "false",
            _ => text.Length > 0 && Integer(text) is { } integer ? integer : text,
        };
    }

    private static string? Integer(string text)
    {
        var plain = text.Replace("_", "", StringComparison.Ordinal);
        if (plain.Length == 0) return null;
        var sign = plain[0] == '-' ? "-" : "";
        var digits = plain[0] is '-' or '+' ? plain[1..] : plain;
        if (digits.Length == 0 || !char.IsAsciiDigit(digits[0])) return null;
        var number = digits switch
        {
            ['0', 'x' or 'X', .. var hex] => ulong.TryParse(hex, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture, out var value) ? value : (ulong?)null,
            ['0', 'b' or 'B', .. var binary] => ulong.TryParse(binary, NumberStyles.AllowBinarySpecifier, CultureInfo.InvariantCulture, out var value) ? value : null,
            ['0', 'o' or 'O', .. var octal] => Octal(octal),
            ['0', .. { Length: > 0 } octal] => Octal(octal),
            _ => ulong.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out var value) ? value : null,
        };
        return number is null ? null : sign + number.Value.ToString(CultureInfo.InvariantCulture);
    }

    private static ulong? Octal(string digits)
    {
        ulong value = 0;
        foreach (var digit in digits)
        {
            if (digit is < '0' or > '7' || value >> 61 != 0) return null;
            value = (value * 8) + (ulong)(digit - '0');
        }
        return digits.Length > 0 ? value : null;
    }
}
