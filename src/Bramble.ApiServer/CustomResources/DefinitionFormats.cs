using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Warnings of formats in the schemas of a CustomResourceDefinition that nobody checks. What stood there before is not told again. Pure.</summary>
internal static class DefinitionFormats
{
    /// <summary>Without the dashes, which do not count.</summary>
    private static readonly HashSet<string> OfStrings = new(
        ("bsonobjectid uri email hostname ipv4 ipv6 cidr mac uuid uuid3 uuid4 uuid5 isbn isbn10 isbn13 creditcard ssn hexcolor rgbcolor byte password date duration datetime k8sshortname k8slongname").Split(' '),
        StringComparer.Ordinal);

    public static IEnumerable<string> Warnings(JsonObject definition, JsonObject? old)
    {
        var known = Unrecognized(old).ToHashSet(StringComparer.Ordinal);
        return Unrecognized(definition).Where(f => !known.Contains(f)).Distinct().Select(f => $"unrecognized format {FieldError.Quote(f)}");
    }

    private static IEnumerable<string> Unrecognized(JsonObject? definition)
    {
        List<string> found = [];
        foreach (var (_, version) in definition.Object("spec").Items("versions"))
            if (version.Object("schema").Object("openAPIV3Schema") is { } schema) Visit(schema, found);
        return found;
    }

    private static void Visit(JsonObject schema, List<string> found)
    {
        if (schema.Text("format") is { Length: > 0 } format && !IsChecked(schema.Text("type"), format)) found.Add(format);
        foreach (var (_, part) in StructuralRules.Parts(schema, FieldPath.Spec)) Visit(part, found);
    }

    private static bool IsChecked(string type, string format) => type switch
    {
        "" or "string" => OfStrings.Contains(format.Replace("-", "", StringComparison.Ordinal)),
        "integer" => format is "int32" or "int64",
        "number" => format is "float" or "double",
        _ => false,
    };
}
