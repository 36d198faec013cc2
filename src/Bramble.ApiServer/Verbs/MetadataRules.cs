using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Verbs;

/// <summary>What holds for the metadata of every object: behaviour and messages of apimachinery's and core's ValidateObjectMeta and ValidateObjectMetaUpdate.</summary>
internal static class MetadataRules
{
    private const int AnnotationBytesMax = 256 * 1024;

    /// <summary>Of a new object, after its name was generated.</summary>
    public static void Validate(JsonObject meta, bool isNamespaced, Func<string, bool, IEnumerable<string>> nameRule, FieldErrors errors, bool allowsPlainFinalizers = false)
    {
        if (meta.Text("generateName") is { Length: > 0 } prefix)
            foreach (var message in nameRule(prefix, true)) errors.Invalid("metadata.generateName", prefix, message);
        Common(meta, isNamespaced, nameRule, errors);
        if (!allowsPlainFinalizers) StandardFinalizers(meta, errors);
    }

    /// <summary>Of a changed object. Upstream checks metadata in the generic layer and again in each kind's own validation, as <paramref name="passes"/> says: causes come twice or more.</summary>
    public static void ValidateUpdate(
        JsonObject meta, JsonObject old, bool isNamespaced, IReadOnlyList<MetadataPass> passes, Func<string, bool, IEnumerable<string>> nameRule, FieldErrors errors,
        bool allowsPlainFinalizers = false)
    {
        if (meta.Text("generateName") is { Length: > 0 } prefix)
            foreach (var message in Names.PathSegment(prefix, true)) errors.Invalid("metadata.generateName", prefix, message);
        Common(meta, isNamespaced, static (name, isPrefix) => Names.PathSegment(name, isPrefix), errors);
        Changes(meta, old, errors);
        foreach (var pass in passes)
            if (pass == MetadataPass.Whole) Validate(meta, isNamespaced, nameRule, errors, allowsPlainFinalizers);
            else
            {
                Changes(meta, old, errors);
                if (!allowsPlainFinalizers) StandardFinalizers(meta, errors);
            }
    }

    private static void Common(JsonObject meta, bool isNamespaced, Func<string, bool, IEnumerable<string>> nameRule, FieldErrors errors)
    {
        var name = meta.Text("name");
        if (name.Length == 0) errors.Required("metadata.name", "name or generateName is required");
        else
            foreach (var message in nameRule(name, false)) errors.Invalid("metadata.name", name, message);
        var ns = meta.Text("namespace");
        if (!isNamespaced)
        {
            if (ns.Length > 0) errors.Forbidden("metadata.namespace", "not allowed on this type");
        }
        else if (ns.Length == 0) errors.Required("metadata.namespace");
        else
            foreach (var message in Names.DnsLabel(ns)) errors.Invalid("metadata.namespace", ns, message);
        if (meta.LongOrNull("generation") is < 0 and var generation) errors.Invalid("metadata.generation", generation, "must be greater than or equal to 0");
        LabelsAndSoOn(meta, errors, withFinalizers: true);
    }

    private static void LabelsAndSoOn(JsonObject meta, FieldErrors errors, bool withFinalizers)
    {
        if (meta["labels"] is JsonObject labels)
            foreach (var (key, node) in labels)
            {
                foreach (var message in Bramble.Api.Selectors.LabelRules.KeyErrors(key)) errors.Invalid("metadata.labels", key, message);
                var value = node?.GetValue<string>() ?? "";
                foreach (var message in Bramble.Api.Selectors.LabelRules.ValueErrors(value)) errors.Invalid("metadata.labels", value, message);
            }
        Annotations(meta, errors);
        OwnerReferences(meta, errors);
        if (withFinalizers) Finalizers(meta, errors);
        ManagedFields(meta, errors);
    }

    private static void Annotations(JsonObject meta, FieldErrors errors)
    {
        if (meta["annotations"] is not JsonObject annotations) return;
        long bytes = 0;
        foreach (var (key, node) in annotations)
        {
            bytes += Encoding.UTF8.GetByteCount(key) + Encoding.UTF8.GetByteCount(node?.GetValue<string>() ?? "");
            foreach (var message in Bramble.Api.Selectors.LabelRules.KeyErrors(key.ToLowerInvariant())) errors.Invalid("metadata.annotations", key, message);
        }
        if (bytes > AnnotationBytesMax) errors.TooLong("metadata.annotations", AnnotationBytesMax);
    }

    private static void OwnerReferences(JsonObject meta, FieldErrors errors)
    {
        if (meta["ownerReferences"] is not JsonArray owners) return;
        string? controller = null;
        foreach (var node in owners)
        {
            if (node is not JsonObject owner) continue;
            var apiVersion = owner.Text("apiVersion");
            // Behind the last slash is the version; more than one slash leaves nothing (schema.FromAPIVersionAndKind).
            _ = GroupVersion.TryParse(apiVersion, out var version);
            if (version.Version.Length == 0 || apiVersion.Count('/') > 1) errors.Invalid("metadata.ownerReferences.apiVersion", apiVersion, "version must not be empty");
            if (owner.Text("kind").Length == 0) errors.Invalid("metadata.ownerReferences.kind", "", "must not be empty");
            if (owner.Text("name").Length == 0) errors.Invalid("metadata.ownerReferences.name", "", "must not be empty");
            if (owner.Text("uid").Length == 0) errors.Invalid("metadata.ownerReferences.uid", "", "must not be empty");
            if (apiVersion == "v1" && owner.Text("kind") == "Event")
                errors.Invalid("metadata.ownerReferences", owner, "/v1, Kind=Event is disallowed from being an owner");
            if (owner["controller"]?.GetValueKind() != System.Text.Json.JsonValueKind.True) continue;
            var current = $"{owner.Text("kind")}/{owner.Text("name")}";
            if (controller is null) controller = current;
            else
                errors.Invalid("metadata.ownerReferences", owners, $"Only one reference can have Controller set to true. Found \"true\" in references for {controller} and {current}");
        }
    }

    private static void Finalizers(JsonObject meta, FieldErrors errors)
    {
        if (meta["finalizers"] is not JsonArray all) return;
        var finalizers = meta.TextList("finalizers");
        foreach (var finalizer in finalizers)
            foreach (var message in Bramble.Api.Selectors.LabelRules.KeyErrors(finalizer)) errors.Invalid("metadata.finalizers", finalizer, message);
        if (finalizers.Contains("orphan") && finalizers.Contains("foregroundDeletion"))
            errors.Invalid("metadata.finalizers", all, "finalizer orphan and foregroundDeletion cannot be both set");
    }

    private static void StandardFinalizers(JsonObject meta, FieldErrors errors)
    {
        var finalizers = meta.TextList("finalizers");
        for (var i = 0; i < finalizers.Count; i++)
            if (!finalizers[i].Contains('/') && finalizers[i] is not ("kubernetes" or "orphan" or "foregroundDeletion"))
                errors.Invalid($"metadata.finalizers[{i}]", finalizers[i], "name is neither a standard finalizer name nor is it fully qualified");
    }

    private static void ManagedFields(JsonObject meta, FieldErrors errors)
    {
        if (meta["managedFields"] is not JsonArray entries) return;
        for (var i = 0; i < entries.Count; i++)
        {
            if (entries[i] is not JsonObject entry) continue;
            var path = $"metadata.managedFields[{i}]";
            if (entry.Text("operation") is not ("Apply" or "Update") and var operation) errors.Invalid($"{path}.operation", operation, "must be `Apply` or `Update`");
            if (entry.Text("fieldsType") is not ("" or "FieldsV1") and var type) errors.Invalid($"{path}.fieldsType", type, "must be `FieldsV1`");
            RequestOptions.FieldManager(entry.Text("manager"), $"{path}.manager", errors);
            if (Encoding.UTF8.GetByteCount(entry.Text("subresource")) > 256) errors.TooLong($"{path}.subresource", 256);
        }
    }

    private static void Changes(JsonObject meta, JsonObject old, FieldErrors errors)
    {
        if (old.Text("deletionTimestamp").Length > 0)
        {
            var added = meta.TextList("finalizers").Except(old.TextList("finalizers")).Order(StringComparer.Ordinal).Select(FieldError.Quote).ToList();
            if (added.Count > 0)
                errors.Forbidden("metadata.finalizers", $"no new finalizers can be added if the object is being deleted, found new finalizers []string{{{string.Join(", ", added)}}}");
        }
        if (meta.Text("resourceVersion").Length == 0) errors.Invalid("metadata.resourceVersion", "", "must be specified for an update");
        if ((meta.LongOrNull("generation") ?? 0) < (old.LongOrNull("generation") ?? 0)) errors.Invalid("metadata.generation", meta.LongOrNull("generation") ?? 0, "must not be decremented");
        Immutable("name", "");
        Immutable("namespace", "");
        Immutable("uid", "");
        Immutable("creationTimestamp", null);
        Immutable("deletionTimestamp", null);
        if (meta.LongOrNull("deletionGracePeriodSeconds") != old.LongOrNull("deletionGracePeriodSeconds"))
            errors.Invalid("metadata.deletionGracePeriodSeconds", meta["deletionGracePeriodSeconds"], "field is immutable");
        LabelsAndSoOn(meta, errors, withFinalizers: false);

        void Immutable(string field, string? whenAbsent)
        {
            if (meta.Text(field) != old.Text(field)) errors.Invalid($"metadata.{field}", meta.Text(field) is { Length: > 0 } value ? value : whenAbsent, "field is immutable");
        }
    }
}
