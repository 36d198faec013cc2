using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.CustomResources;
using Bramble.Api.Errors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.CustomResources;

/// <summary>Validation of CustomResourceDefinitions but for their schemas. Upstream shows what all versions have in common as if it stood at the top of the spec.</summary>
internal static class DefinitionRules
{
    private static readonly FieldPath Spec = FieldPath.Spec;
    private static readonly string[] ColumnTypes = ["boolean", "date", "integer", "number", "string"];
    private static readonly string[] ColumnFormats = ["byte", "date", "date-time", "double", "float", "int32", "int64", "password"];

    private const int SelectableMax = 8;
    private const int WarningMax = 256;
    private const string ApprovalAnnotation = "api-approved.kubernetes.io";
    private const string ApprovalHelp = "https://github.com/kubernetes/enhancements/pull/1111";

    public const string ApprovedReason = "ApprovedAnnotation";

    public static void Validate(JsonObject definition, JsonObject? old, FieldErrors errors)
    {
        var (spec, before) = (definition.Object("spec") ?? [], old.Object("spec"));
        var names = spec.Object("names") ?? [];
        var group = spec.Text("group");
        if (old is null && definition.ObjectName() != $"{names.Text("plural")}.{group}") errors.Invalid("metadata.name", definition.ObjectName(), "must be spec.names.plural+\".\"+spec.group");
        if (group.Length == 0) errors.Required(Spec.Child("group"));
        else if (Formats.DnsSubdomain(group) is { Count: > 0 } wrong) errors.Invalid(Spec.Child("group"), group, string.Join(',', wrong));
        else if (!group.Contains('.')) errors.Invalid(Spec.Child("group"), group, "should be a domain with at least one dot");
        if (spec.Text("scope").Length == 0) errors.Required(Spec.Child("scope"));
        else EnumRules.Optional(spec, "scope", Spec, errors, "Cluster", "Namespaced");
        Versions(spec, before, errors);
        foreach (var name in (ReadOnlySpan<string>)["plural", "singular", "kind", "listKind"])
            if (names.Text(name).Length == 0) errors.Required(Spec.Child("names").Child(name));
        Names(names, Spec.Child("names"), errors);
        var isSchemaShared = Shared(spec, "schema", out var schema);
        if (isSchemaShared) DefinitionSchemaRules.Check(schema as JsonObject, HasStatus(spec), IsUnchanged(spec.Array("versions")?[0] as JsonObject, before), Spec.Child("validation"), errors);
        if (Shared(spec, "subresources", out var subresources)) Subresources(subresources as JsonObject, Spec.Child("subresources"), errors);
        if (Shared(spec, "additionalPrinterColumns", out var columns)) Columns(columns as JsonArray, Spec.Child("additionalPrinterColumns"), errors);
        if (Shared(spec, "selectableFields", out var fields) && fields is JsonArray { Count: > 0 } shared)
        {
            if (isSchemaShared) Selectable(shared, (schema as JsonObject).Object("openAPIV3Schema"), before?["versions"]?[0]?["selectableFields"], Spec.Child("selectableFields"), errors);
            else errors.Invalid(Spec.Child("selectableFields"), "", "may only be set when validations.schema is included");
        }
        Conversion(spec.Object("conversion"), before.Object("conversion"), Spec.Child("conversion"), errors);
        if (before is not null) Update(spec, before, old!, errors);
        Names(definition.Object("status").Object("acceptedNames") ?? [], FieldPath.Status.Child("acceptedNames"), errors);
        Stored(definition, errors);
        Approved(definition, old, errors);
        if (spec.Bool("preserveUnknownFields") && !before.Bool("preserveUnknownFields"))
            errors.Invalid(Spec.Child("preserveUnknownFields"), true, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
    }

    private static void Update(JsonObject spec, JsonObject before, JsonObject old, FieldErrors errors)
    {
        void Immutable(JsonObject now, JsonObject then, FieldPath path, string field)
        {
            if (now.Text(field) != then.Text(field)) errors.Invalid(path.Child(field), now.Text(field), ImmutableRules.Message);
        }

        var (names, namesBefore, at) = (spec.Object("names") ?? [], before.Object("names") ?? [], Spec.Child("names"));
        if (Definition.ConditionIs(old, "Established"))
        {
            Immutable(spec, before, Spec, "scope");
            Immutable(names, namesBefore, at, "kind");
        }
        Immutable(spec, before, Spec, "group");
        Immutable(names, namesBefore, at, "plural");
    }

    private static void Versions(JsonObject spec, JsonObject? before, FieldErrors errors)
    {
        var path = Spec.Child("versions");
        var stored = 0;
        HashSet<string> seen = new(StringComparer.Ordinal);
        var isUnique = true;
        var (sharesSchema, sharesSubresources, sharesColumns, sharesFields) =
            (Shared(spec, "schema", out _), Shared(spec, "subresources", out _), Shared(spec, "additionalPrinterColumns", out _), Shared(spec, "selectableFields", out _));
        foreach (var (index, version) in spec.Items("versions"))
            if (!version.Object("schema").Has("openAPIV3Schema")) errors.Required(path.Index(index).Child("schema").Child("openAPIV3Schema"));
        foreach (var (index, version) in spec.Items("versions"))
        {
            if (version.Bool("storage")) stored++;
            isUnique &= seen.Add(version.Text("name"));
            var at = path.Index(index);
            if (Bramble.Api.Naming.Names.Dns1035Label(version.Text("name")) is { Count: > 0 } wrong) errors.Invalid(at.Child("name"), version.Text("name"), string.Join(',', wrong));
            Deprecation(version, at.Child("deprecationWarning"), errors);
            if (!sharesSchema) DefinitionSchemaRules.Check(version.Object("schema"), version.Object("subresources").Has("status"), IsUnchanged(version, before), at.Child("schema"), errors);
            if (!sharesSubresources) Subresources(version.Object("subresources"), at.Child("subresources"), errors);
            if (!sharesColumns) Columns(version.Array("additionalPrinterColumns"), at.Child("additionalPrinterColumns"), errors);
            if (sharesFields || version.Array("selectableFields") is not { Count: > 0 } fields) continue;
            // Upstream's message says the opposite of what it means.
            if (sharesSchema || version.Object("schema").Object("openAPIV3Schema") is not { } schema) errors.Invalid(at.Child("selectableFields"), "", "may only be set when `version.schema.openAPIV3Schema` is not included");
            else Selectable(fields, schema, Find(before, version)?["selectableFields"], at.Child("selectableFields"), errors);
        }
        if (isUnique && stored == 1) return;
        var shown = InternalDefinition.Versions(spec, field => field switch
        {
            "schema" => sharesSchema,
            "subresources" => sharesSubresources,
            "additionalPrinterColumns" => sharesColumns,
            "selectableFields" => sharesFields,
            _ => false,
        });
        if (!isUnique) errors.Invalid(path, shown, "must contain unique version names");
        if (stored != 1) errors.Invalid(path, shown, "must have exactly one version marked as storage version");
    }

    private static bool HasStatus(JsonObject spec)
    {
        foreach (var (_, version) in spec.Items("versions"))
            if (version.Object("subresources").Has("status")) return true;
        return false;
    }

    private static JsonObject? Find(JsonObject? before, JsonObject? version)
    {
        foreach (var (_, old) in before.Items("versions"))
            if (old.Text("name") == version.Text("name")) return old;
        return null;
    }

    private static bool IsUnchanged(JsonObject? version, JsonObject? before) => Find(before, version) is { } old && JsonNode.DeepEquals(old["schema"], version!["schema"]);

    private static void Deprecation(JsonObject version, FieldPath path, FieldErrors errors)
    {
        if (version.TextOrNull("deprecationWarning") is not { } warning) return;
        if (!version.Bool("deprecated"))
        {
            errors.Invalid(path, warning, "can only be set for deprecated versions");
            return;
        }
        if (Encoding.UTF8.GetByteCount(warning) > WarningMax) errors.Invalid(path, warning, "must be <= 256 characters long");
        if (warning.Length == 0) errors.Invalid(path, warning, "must not be an empty string");
        var index = 0;
        foreach (var rune in warning.EnumerateRunes())
        {
            if (!IsPrintable(rune))
            {
                errors.Invalid(path, warning, $"must only contain printable UTF-8 characters; non-printable character found at index {index}");
                return;
            }
            index += rune.Utf8SequenceLength;
        }
    }

    private static bool IsPrintable(Rune rune) => rune.Value == ' ' || Rune.IsLetterOrDigit(rune) || Rune.IsPunctuation(rune) || Rune.IsSymbol(rune) || Rune.IsNumber(rune)
        || Rune.GetUnicodeCategory(rune) is UnicodeCategory.NonSpacingMark or UnicodeCategory.SpacingCombiningMark or UnicodeCategory.EnclosingMark;

    private static void Conversion(JsonObject? conversion, JsonObject? before, FieldPath path, FieldErrors errors)
    {
        if (conversion is null) return;
        var (strategy, webhook) = (conversion.Text("strategy"), conversion.Object("webhook"));
        if (strategy.Length == 0) errors.Required(path.Child("strategy"));
        else EnumRules.Optional(conversion, "strategy", path, errors, "None", "Webhook");
        var (client, versions) = (path.Child("webhookClientConfig"), path.Child("conversionReviewVersions"));
        if (strategy != "Webhook")
        {
            if (webhook.Has("clientConfig")) errors.Forbidden(client, "should not be set when strategy is not set to Webhook");
            if (webhook.Count("conversionReviewVersions") > 0) errors.Forbidden(versions, "should not be set when strategy is not set to Webhook");
            return;
        }
        if (webhook.Object("clientConfig") is not { } config) errors.Required(client, "required when strategy is set to Webhook");
        else if (config.Has("url") == config.Has("service")) errors.Required(client, "exactly one of url or service is required");
        else if (config.Has("url")) WebhookRules.Url(config.Text("url"), client.Child("url"), errors);
        else WebhookRules.Service(config.Object("service") ?? [], client.Child("service"), errors);
        var accepted = webhook.Texts("conversionReviewVersions").ToList();
        if (accepted.Count == 0)
        {
            errors.Required(versions);
            return;
        }
        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < accepted.Count; i++)
        {
            if (!seen.Add(accepted[i])) errors.Invalid(versions.Index(i), accepted[i], "duplicate version");
            else
                foreach (var wrong in Bramble.Api.Naming.Names.Dns1035Label(accepted[i])) errors.Invalid(versions.Index(i), accepted[i], wrong);
        }
        var known = before.Object("webhook").Texts("conversionReviewVersions").ToList();
        if (!accepted.Any(IsReviewVersion) && (known.Count == 0 || known.Any(IsReviewVersion)))
            errors.Invalid(versions, webhook!["conversionReviewVersions"]!.DeepClone(), "must include at least one of v1, v1beta1");
    }

    private static bool IsReviewVersion(string version) => version is "v1" or "v1beta1";

    private static void Stored(JsonObject definition, FieldErrors errors)
    {
        var path = FieldPath.Status.Child("storedVersions");
        var stored = definition.Object("status").Texts("storedVersions").ToList();
        var shown = definition.Object("status")?["storedVersions"];
        if (stored.Count == 0)
        {
            errors.Invalid(path, shown?.DeepClone(), "must have at least one stored version");
            return;
        }
        HashSet<string> known = new(StringComparer.Ordinal);
        foreach (var (_, version) in definition.Object("spec").Items("versions"))
        {
            known.Add(version.Text("name"));
            if (version.Bool("storage") && !stored.Contains(version.Text("name"))) errors.Invalid(path, shown?.DeepClone(), "must have the storage version " + version.Text("name"));
        }
        for (var i = 0; i < stored.Count; i++)
        {
            var name = stored[i];
            if (known.Contains(name)) continue;
            errors.Invalid(
                path.Index(i),
                name,
                $"missing from spec.versions; {name} was previously a storage version, and must remain in spec.versions until a storage migration ensures no data remains persisted in {name} and removes {name} from status.storedVersions");
        }
    }

    /// <summary>What the annotation of a definition in a group of the community says: the address of a review, or "unapproved".</summary>
    /// <returns>The reason of the condition KubernetesAPIApprovalPolicyConformant and its message; null: another group.</returns>
    public static (string Reason, string Message)? Approval(JsonObject definition)
    {
        var group = definition.Object("spec").Text("group");
        if (group is not ("k8s.io" or "kubernetes.io") && !group.EndsWith(".k8s.io", StringComparison.Ordinal) && !group.EndsWith(".kubernetes.io", StringComparison.Ordinal)) return null;
        var (value, needed) = (definition.Annotations().Text(ApprovalAnnotation), $"protected groups must have approval annotation \"{ApprovalAnnotation}\"");
        if (value.Length == 0) return ("MissingAnnotation", $"{needed}, see {ApprovalHelp}");
        if (value.StartsWith("unapproved", StringComparison.Ordinal)) return ("UnapprovedAnnotation", $"not approved: {FieldError.Quote(value)}");
        if (Uri.TryCreate(value, UriKind.Absolute, out var address) && address.Host.Length > 0) return (ApprovedReason, $"approved in {value}");
        return ("InvalidAnnotation", $"{needed} with either a URL or a reason starting with \"unapproved\", see {ApprovalHelp}");
    }

    private static void Approved(JsonObject definition, JsonObject? old, FieldErrors errors)
    {
        if (Approval(definition) is not { } approval || (old is not null && Approval(old) is { } before && before.Reason == approval.Reason)) return;
        var path = FieldPath.Metadata.Child("annotations").Key(ApprovalAnnotation);
        if (approval.Reason == "InvalidAnnotation") errors.Invalid(path, definition.Annotations().Text(ApprovalAnnotation), approval.Message);
        if (approval.Reason == "MissingAnnotation") errors.Required(path, approval.Message);
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

    private static void Selectable(JsonArray fields, JsonObject? schema, JsonNode? before, FieldPath path, FieldErrors errors)
    {
        HashSet<string> seen = new(StringComparer.Ordinal);
        for (var i = 0; i < fields.Count; i++)
        {
            var (field, at) = ((fields[i] as JsonObject).Text("jsonPath"), path.Index(i).Child("jsonPath"));
            if (field.Length == 0)
            {
                errors.Required(at);
                continue;
            }
            if (RulePath.Find(field, schema ?? [], out var error, allowsBrackets: false) is not var (shown, found))
            {
                errors.Invalid(at, field, $"is an invalid path: {error}");
                continue;
            }
            if (shown == "metadata" || shown.StartsWith("metadata.", StringComparison.Ordinal)) errors.Invalid(at, field, "must not point to fields in metadata");
            if (found.Text("type") is not ("string" or "boolean" or "integer"))
                errors.Invalid(at, field, "must point to a field of type string, boolean or integer. Enum string fields and strings with formats are allowed.");
            if (!seen.Add(shown)) errors.Duplicate(at, field);
        }
        if (seen.Count > SelectableMax && !JsonNode.DeepEquals(fields, before)) errors.TooMany(path, seen.Count, SelectableMax);
    }
}
