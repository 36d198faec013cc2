using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Validation of CustomResourceDefinitions but for their schemas. Upstream shows what all versions have in common as if it stood at the top of the spec.</summary>
internal static class DefinitionRules
{
    private static readonly FieldPath Spec = FieldPath.Spec;
    private static readonly string[] ColumnTypes = ["boolean", "date", "integer", "number", "string"];
    private static readonly string[] ColumnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

    public static void Validate(JsonObject definition, FieldErrors errors)
    {
        var spec = definition.Object("spec") ?? [];
        var names = spec.Object("names") ?? [];
        var group = spec.Text("group");
        if (definition.ObjectName() != $"{names.Text("plural")}.{group}") errors.Invalid("metadata.name", definition.ObjectName(), "must be spec.names.plural+\".\"+spec.group");
        if (group.Length == 0) errors.Required(Spec.Child("group"));
        else if (Formats.DnsSubdomain(group) is { Count: > 0 } wrong) errors.Invalid(Spec.Child("group"), group, string.Join(',', wrong));
        else if (!group.Contains('.')) errors.Invalid(Spec.Child("group"), group, "should be a domain with at least one dot");
        if (spec.Text("scope").Length == 0) errors.Required(Spec.Child("scope"));
        else EnumRules.Optional(spec, "scope", Spec, errors, "Cluster", "Namespaced");
        Versions(spec, errors);
        foreach (var name in (ReadOnlySpan<string>)["plural", "singular", "kind", "listKind"])
            if (names.Text(name).Length == 0) errors.Required(Spec.Child("names").Child(name));
        Names(names, Spec.Child("names"), errors);
        if (Shared(spec, "schema", out var schema)) Schema(schema as JsonObject, Spec.Child("validation"), errors);
        if (Shared(spec, "subresources", out var subresources)) Subresources(subresources as JsonObject, Spec.Child("subresources"), errors);
        if (Shared(spec, "additionalPrinterColumns", out var columns)) Columns(columns as JsonArray, Spec.Child("additionalPrinterColumns"), errors);
        if (Shared(spec, "selectableFields", out var fields) && Shared(spec, "schema", out schema)) Selectable(fields as JsonArray, schema as JsonObject, Spec.Child("selectableFields"), errors);
    }

    public static void ValidateUpdate(JsonObject definition, JsonObject old, FieldErrors errors)
    {
        Validate(definition, errors);
        var (spec, before) = (definition.Object("spec") ?? [], old.Object("spec") ?? []);
        if (definition.Object("status").Array("conditions") is not null && new[] { "group" }.Any(f => spec.Differs(before, f)))
            errors.Invalid(Spec.Child("group"), spec.Text("group"), ImmutableRules.Message);
        foreach (var field in (ReadOnlySpan<string>)["scope"])
            if (spec.Differs(before, field)) errors.Invalid(Spec.Child(field), spec.Text(field), ImmutableRules.Message);
        foreach (var name in (ReadOnlySpan<string>)["kind", "plural"])
            if ((spec.Object("names") ?? []).Differs(before.Object("names"), name)) errors.Invalid(Spec.Child("names").Child(name), spec.Object("names").Text(name), ImmutableRules.Message);
    }

    private static void Versions(JsonObject spec, FieldErrors errors)
    {
        var path = Spec.Child("versions");
        var stored = 0;
        HashSet<string> seen = new(StringComparer.Ordinal);
        var isUnique = true;
        foreach (var (index, version) in spec.Items("versions"))
            if (!version.Object("schema").Has("openAPIV3Schema")) errors.Required(path.Index(index).Child("schema").Child("openAPIV3Schema"));
        foreach (var (index, version) in spec.Items("versions"))
        {
            if (version.Bool("storage")) stored++;
            isUnique &= seen.Add(version.Text("name"));
            var at = path.Index(index);
            if (Bramble.Api.Naming.Names.Dns1035Label(version.Text("name")) is { Count: > 0 } wrong) errors.Invalid(at.Child("name"), version.Text("name"), string.Join(',', wrong));
            if (!Shared(spec, "schema", out _)) Schema(version.Object("schema"), at.Child("schema"), errors);
            if (!Shared(spec, "subresources", out _)) Subresources(version.Object("subresources"), at.Child("subresources"), errors);
            if (!Shared(spec, "additionalPrinterColumns", out _)) Columns(version.Array("additionalPrinterColumns"), at.Child("additionalPrinterColumns"), errors);
            if (!Shared(spec, "selectableFields", out _)) Selectable(version.Array("selectableFields"), version.Object("schema"), at.Child("selectableFields"), errors);
        }
        if (!isUnique) errors.Invalid(path, spec["versions"], "must contain unique version names");
        if (stored != 1) errors.Invalid(path, spec["versions"], "must have exactly one version marked as storage version");
    }

    /// <summary>True: all versions say the same.</summary>
    private static bool Shared(JsonObject spec, string field, out JsonNode? value)
    {
        value = null;
        var isFirst = true;
        foreach (var (_, version) in spec.Items("versions"))
        {
            if (isFirst) value = version[field];
            else if (!JsonNode.DeepEquals(value, version[field])) return false;
            isFirst = false;
        }
        return true;
    }

    private static void Names(JsonObject names, FieldPath path, FieldErrors errors)
    {
        foreach (var field in (ReadOnlySpan<string>)["plural", "singular"])
            if (names.Text(field) is { Length: > 0 } name && Bramble.Api.Naming.Names.Dns1035Label(name) is { Count: > 0 } wrong) errors.Invalid(path.Child(field), name, string.Join(',', wrong));
        foreach (var field in (ReadOnlySpan<string>)["kind", "listKind"])
            if (names.Text(field) is { Length: > 0 } kind && Bramble.Api.Naming.Names.Dns1035Label(kind.ToLowerInvariant()) is { Count: > 0 } wrong)
                errors.Invalid(path.Child(field), kind, "may have mixed case, but should otherwise match: " + string.Join(',', wrong));
        Labels(names, "shortNames", path, errors);
        if (names.Text("kind").Length > 0 && names.Text("kind") == names.Text("listKind")) errors.Invalid(path.Child("listKind"), names.Text("listKind"), "kind and listKind may not be the same");
        Labels(names, "categories", path, errors);
    }

    private static void Labels(JsonObject names, string field, FieldPath path, FieldErrors errors)
    {
        var index = 0;
        foreach (var name in names.Texts(field))
        {
            if (Bramble.Api.Naming.Names.Dns1035Label(name) is { Count: > 0 } wrong) errors.Invalid(path.Child(field).Index(index), name, string.Join(',', wrong));
            index++;
        }
    }

    private static void Schema(JsonObject? holder, FieldPath path, FieldErrors errors)
    {
        if (holder.Object("openAPIV3Schema") is not { } schema) return;
        var at = path.Child("openAPIV3Schema");
        if (schema.Text("type").Length == 0) errors.Required(at.Child("type"), "must not be empty at the root");
        else if (schema.Text("type") != "object") errors.Invalid(at.Child("type"), schema.Text("type"), "must be object at the root");
        if (schema.Bool("nullable")) errors.Forbidden(at.Child("nullable"), "nullable cannot be true at the root");
    }

    private static void Subresources(JsonObject? subresources, FieldPath path, FieldErrors errors)
    {
        if (subresources.Object("scale") is not { } scale) return;
        Replicas(scale, "specReplicasPath", ".spec", path, errors);
        Replicas(scale, "statusReplicasPath", ".status", path, errors);
        if (scale.Text("labelSelectorPath") is not { Length: > 0 } selector || !SimplePath(selector, path.Child("scale.labelSelectorPath"), errors)) return;
        if (!selector.StartsWith(".spec.", StringComparison.Ordinal) && !selector.StartsWith(".status.", StringComparison.Ordinal))
            errors.Invalid(path.Child("scale.labelSelectorPath"), selector, "should be a json path under either .spec or .status");
    }

    private static void Replicas(JsonObject scale, string field, string below, FieldPath path, FieldErrors errors)
    {
        var (at, value) = (path.Child("scale." + field), scale.Text(field));
        if (value.Length == 0) errors.Required(at);
        else if (SimplePath(value, at, errors) && !value.StartsWith(below + ".", StringComparison.Ordinal)) errors.Invalid(at, value, $"should be a json path under {below}");
    }

    private static bool SimplePath(string path, FieldPath at, FieldErrors errors)
    {
        if (path[0] == '.') return true;
        errors.Invalid(at, path, "must be a simple json path starting with .");
        return false;
    }

    private static void Columns(JsonArray? columns, FieldPath path, FieldErrors errors)
    {
        for (var i = 0; i < columns?.Count; i++)
        {
            var (column, at) = (columns[i] as JsonObject ?? [], path.Index(i));
            var types = "must be one of " + string.Join(',', ColumnTypes);
            if (column.Text("name").Length == 0) errors.Required(at.Child("name"));
            if (column.Text("type").Length == 0) errors.Required(at.Child("type"), types);
            else if (!ColumnTypes.Contains(column.Text("type"))) errors.Invalid(at.Child("type"), column.Text("type"), types);
            if (column.Text("format") is { Length: > 0 } format && !ColumnFormats.Contains(format)) errors.Invalid(at.Child("format"), format, "must be one of " + string.Join(',', ColumnFormats));
            if (column.Text("jsonPath").Length == 0) errors.Required(at.Child("JSONPath"));
            else SimplePath(column.Text("jsonPath"), at.Child("JSONPath"), errors);
        }
    }

    private static void Selectable(JsonArray? fields, JsonObject? schema, FieldPath path, FieldErrors errors)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (var i = 0; i < fields?.Count; i++)
        {
            var (field, at) = ((fields[i] as JsonObject).Text("jsonPath"), path.Index(i).Child("jsonPath"));
            if (field.Length == 0)
            {
                errors.Required(at);
                continue;
            }
            var found = schema.Object("openAPIV3Schema");
            foreach (var part in field.TrimStart('.').Split('.')) found = found.Object("properties").Object(part);
            if (found is null || field.StartsWith(".metadata.", StringComparison.Ordinal)) errors.Invalid(at, field, "is an invalid path: does not refer to a valid field");
            else if (found.Text("type") is not ("string" or "boolean" or "integer"))
                errors.Invalid(at, field, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.");
            else if (!seen.Add(field)) errors.Duplicate(at, field);
        }
    }
}
