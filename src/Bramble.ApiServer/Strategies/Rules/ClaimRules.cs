using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>PersistentVolumeClaim specs, in claims and in templates.</summary>
internal static class ClaimRules
{
    public static readonly string[] AccessModes = ["ReadOnlyMany", "ReadWriteMany", "ReadWriteOnce", "ReadWriteOncePod"];

    /// <summary>All of ObjectMeta but annotations and labels, in the order of its declaration.</summary>
    private static readonly string[] OtherMetadata =
    [
        "name", "generateName", "namespace", "selfLink", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds",
        "ownerReferences", "finalizers", "managedFields",
    ];

    public static void ValidateTemplate(JsonObject template, FieldPath path, FieldErrors errors)
    {
        TemplateMetadata(template, path.Child("metadata"), errors);
        ValidateSpec(template.Object("spec") ?? [], path.Child("spec"), errors);
    }

    /// <summary>The metadata of a template of claims (of volumes or devices): labels and annotations only.</summary>
    public static void TemplateMetadata(JsonObject? template, FieldPath path, FieldErrors errors)
    {
        AnnotationRules.Validate(template.Annotations(), path.Child("annotations"), errors);
        LabelRules.Validate(template.Labels(), path.Child("labels"), errors);
        var metadata = template.Object("metadata");
        foreach (var name in OtherMetadata)
            if (metadata.Has(name) && metadata!.TextOrNull(name) is not "") errors.Forbidden(path.Child(name == "uid" ? "uID" : name), "cannot be set");
    }

    public static void ValidateSpec(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.Count("accessModes") == 0) errors.Required(path.Child("accessModes"), "at least 1 access mode is required");
        SelectorRules.Validate(spec.Object("selector"), path.Child("selector"), errors);
        var modes = spec.Texts("accessModes").ToList();
        foreach (var mode in modes)
            if (!AccessModes.Contains(mode)) errors.NotSupported(path.Child("accessModes"), mode, AccessModes);
        if (modes.Contains("ReadWriteOncePod") && modes.Any(mode => mode != "ReadWriteOncePod" && AccessModes.Contains(mode)))
            errors.Forbidden(path.Child("accessModes"), "may not use ReadWriteOncePod with other access modes");
        var at = path.Child("resources").Key("storage");
        if (ResourceRules.Amount(spec.Object("resources").Object("requests"), "storage") is { } storage)
        {
            if (storage.Sign <= 0) errors.Invalid(at, storage.ToString(), NumberRules.Positive);
        }
        else
        {
            errors.Required(at);
        }

        if (spec.TextOrNull("storageClassName") is { Length: > 0 } @class) errors.InvalidEach(path.Child("storageClassName"), @class, Formats.DnsSubdomain(@class));
        EnumRules.Optional(spec, "volumeMode", path, errors, "Block", "Filesystem");
        DataSource(spec.Object("dataSource"), path.Child("dataSource"), errors);
        DataSourceRef(spec.Object("dataSourceRef"), path.Child("dataSourceRef"), errors);
        if (spec.Object("dataSourceRef") is { } reference && reference.Text("namespace").Length > 0)
        {
            if (spec.Has("dataSource")) errors.Invalid(path, path.Child("dataSource").ToString(), "may not be specified when dataSourceRef.namespace is specified");
        }
        else if (spec.Object("dataSource") is { } source && spec.Object("dataSourceRef") is { } other && !TreeEquality.Same(source, other))
        {
            errors.Invalid(path, path.Child("dataSource").ToString(), "must match dataSourceRef");
        }

        if (spec.TextOrNull("volumeAttributesClassName") is { Length: > 0 } attributes)
            errors.InvalidEach(path.Child("volumeAttributesClassName"), attributes, Formats.DnsSubdomain(attributes));
    }

    private static void DataSource(JsonObject? source, FieldPath path, FieldErrors errors)
    {
        if (source is null) return;
        if (source.Text("name").Length == 0) errors.Required(path.Child("name"));
        Reference(source, path, errors);
    }

    private static void DataSourceRef(JsonObject? source, FieldPath path, FieldErrors errors)
    {
        if (source is null) return;
        if (source.Text("name").Length == 0) errors.Required(path.Child("name"));
        Reference(source, path, errors);
        if (source.Text("namespace") is { Length: > 0 } ns) errors.InvalidEach(path.Child("namespace"), ns, Formats.DnsLabel(ns));
    }

    private static void Reference(JsonObject source, FieldPath path, FieldErrors errors)
    {
        if (source.Text("kind").Length == 0) errors.Required(path.Child("kind"));
        var group = source.Text("apiGroup");
        if (group.Length == 0 && source.Text("kind") != "PersistentVolumeClaim") errors.Invalid(path, source.Text("kind"), "must be 'PersistentVolumeClaim' when referencing the default apiGroup");
        if (group.Length > 0) errors.InvalidEach(path.Child("apiGroup"), group, Formats.DnsSubdomain(group));
    }
}
