using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Api.Decoding;
using Bramble.Api.Errors;
using Bramble.Api.Schemas;

namespace Bramble.Api.Apply;

/// <summary>Checks an applied configuration against its type, in the words of structured-merge-diff.</summary>
internal static class ApplyValidation
{
    /// <summary>The complaints, or null when it fits.</summary>
    public static string? FindErrors(JsonObject applied, SchemaType type)
    {
        var errors = new List<string>();
        Check(applied, type, "", errors);
        return errors.Count switch { 0 => null, 1 => errors[0], _ => "errors:\n  " + string.Join("\n  ", errors) };
    }

    private static void Check(JsonNode? node, SchemaType type, string path, List<string> errors)
    {
        if (node is null) return;
        switch (Atoms.Of(type, node))
        {
            case Atom.Map:
                if (node is not JsonObject map)
                {
                    errors.Add(At(path, $"expected map, got &{{{GoFormat.Value(node)}}}"));
                    break;
                }
                foreach (var (name, value) in map)
                {
                    if (Atoms.Member(type, name) is { } member)
                    {
                        Check(value, member, $"{path}.{name}", errors);
                        continue;
                    }
                    errors.Add(At($"{path}.{name}", "field not declared in schema"));
                    break;
                }
                break;
            case Atom.List:
                if (node is JsonArray list) CheckList(list, type, path, errors);
                else errors.Add(At(path, $"expected list, got &{{{GoFormat.Value(node)}}}"));
                break;
            default:
                if (ScalarError(node, type) is { } error) errors.Add(At(path, error));
                break;
        }
    }

    private static void CheckList(JsonArray list, SchemaType type, string path, List<string> errors)
    {
        var isAtomic = Atoms.IsAtomic(type, Atom.List);
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < list.Count; i++)
        {
            var step = $"[{i}]";
            if (!isAtomic)
            {
                if (PathElement.OfItem(list[i], type, out var error) is not { } element)
                {
                    errors.Add(At(path, $"element {i}: {error}"));
                    return;
                }
                step = PathElement.Show(element);
                if (!seen.Add(element)) errors.Add(At(path, $"duplicate entries for key {step}"));
            }
            Check(list[i], type.Element ?? GoTypeNames.Any, path + step, errors);
        }
    }

    private static string? ScalarError(JsonNode node, SchemaType type)
    {
        var kind = GoFormat.KindName(node);
        switch (type.Kind)
        {
            case SchemaKind.Integer or SchemaKind.Number:
                return kind is "int64" or "float64" ? null : $"expected numeric (int or float), got {GoFormat.TypeName(node)}";
            case SchemaKind.Boolean:
                return kind == "bool" ? null : $"expected boolean, got &{{{GoFormat.Value(node)}}}";
            case SchemaKind.Quantity or SchemaKind.IntOrString or SchemaKind.Any or SchemaKind.Json or SchemaKind.SchemaOrBool or SchemaKind.SchemaOrArray or SchemaKind.SchemaOrStrings:
                return node is JsonValue ? null : $"expected any scalar, got &{{{GoFormat.Value(node)}}}";
            default:
                return kind == "string" ? null : $"expected string, got &value.valueUnstructured{{Value:{GoSyntax(node)}}}";
        }
    }

    // Go's %#v.
    private static string GoSyntax(JsonNode? node) => node switch
    {
        null => "interface {}(nil)",
        JsonObject map => $"map[string]interface {{}}{{{string.Join(", ", map.OrderBy(p => p.Key, StringComparer.Ordinal).Select(p => $"{FieldError.Quote(p.Key)}:{GoSyntax(p.Value)}"))}}}",
        JsonArray list => $"[]interface {{}}{{{string.Join(", ", list.Select(GoSyntax))}}}",
        _ => node.GetValueKind() == JsonValueKind.String ? FieldError.Quote(node.GetValue<string>()) : GoFormat.Value(node),
    };

    private static string At(string path, string error) => path.Length == 0 ? error : $"{path}: {error}";
}
