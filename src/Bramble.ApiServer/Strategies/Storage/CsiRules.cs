using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of CSI's kinds: drivers, nodes, capacities, attachments.</summary>
internal static class CsiRules
{
    private const int AttachmentMetadataBytesMax = 256 << 10;
    private const int VolumeErrorBytesMax = 1024;

    public static void ValidateDriver(JsonObject driver, FieldErrors errors)
    {
        var (spec, path) = (driver.Object("spec") ?? [], FieldPath.Spec);
        foreach (var (field, shown) in (ReadOnlySpan<(string, string)>)[("attachRequired", "attachedRequired"), ("podInfoOnMount", "podInfoOnMount"), ("storageCapacity", "storageCapacity")])
            if (!spec.Has(field)) errors.Required(path.Child(shown));
        EnumRules.Optional(spec, "fsGroupPolicy", path, errors, "File", "None", "ReadWriteOnceWithFSType");
        var audiences = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, request) in spec.Items("tokenRequests"))
        {
            var at = path.Child("tokenRequests").Index(index);
            if (!audiences.Add(request.Text("audience")))
            {
                errors.Duplicate(at.Child("audience"), request.Text("audience"));
                continue;
            }

            if (request.LongOrNull("expirationSeconds") is not { } seconds) continue;
            if (seconds < 600) errors.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration less than 10 minutes");
            if (seconds > 1L << 32) errors.Invalid(at.Child("expirationSeconds"), seconds, "may not specify a duration larger than 2^32 seconds");
        }

        foreach (var mode in spec.Texts("volumeLifecycleModes"))
            if (mode is not ("Persistent" or "Ephemeral")) errors.NotSupported(path.Child("volumeLifecycleModes"), mode, ["Persistent", "Ephemeral"]);
        if (!spec.Has("seLinuxMount")) errors.Required(path.Child("seLinuxMount"));
        if (spec.LongOrNull("nodeAllocatableUpdatePeriodSeconds") is { } period and < 10)
            errors.Invalid(path.Child("nodeAllocatableUpdatePeriodSeconds"), period, "must be greater than or equal to 10 seconds");
        if (spec.BoolOrNull("serviceAccountTokenInSecrets") is { } inSecrets && spec.Count("tokenRequests") == 0)
            errors.Invalid(path.Child("serviceAccountTokenInSecrets"), inSecrets, "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
    }

    public static void ValidateDriverUpdate(JsonObject driver, JsonObject old, FieldErrors errors)
    {
        ValidateDriver(driver, errors);
        ImmutableRules.Field(driver.Object("spec"), old.Object("spec"), "attachRequired", FieldPath.Spec.Child("attachedRequired"), errors);
        ImmutableRules.Field(driver.Object("spec"), old.Object("spec"), "volumeLifecycleModes", FieldPath.Spec.Child("volumeLifecycleModes"), errors);
    }

    public static void ValidateNode(JsonObject node, FieldErrors errors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, driver) in node.Object("spec").Items("drivers"))
        {
            var (path, name, id) = (FieldPath.Spec.Child("drivers").Index(index), driver.Text("name"), driver.Text("nodeID"));
            VolumeSourceRules.CsiDriverName(name, path.Child("name"), errors);
            if (id.Length == 0) errors.Required(path.Child("nodeID"));
            if (Encoding.UTF8.GetByteCount(id) > 256) errors.Invalid(path.Child("nodeID"), id, "must be 256 characters or less");
            if (driver.Object("allocatable").LongOrNull("count") is { } count) NumberRules.NonNegative(count, path.Child("allocatable", "count"), errors);
            if (!names.Add(name)) errors.Duplicate(path.Child("name"), name);
            var keys = new HashSet<string>(StringComparer.Ordinal);
            foreach (var key in driver.Texts("topologyKeys"))
            {
                if (key.Length == 0) errors.Required(path);
                if (!keys.Add(key)) errors.Duplicate(path, key);
                errors.InvalidEach(path, key, Formats.LabelKey(key));
            }
        }
    }

    public static void ValidateNodeUpdate(JsonObject node, JsonObject old, FieldErrors errors)
    {
        ValidateNode(node, errors);
        foreach (var (_, before) in old.Object("spec").Items("drivers"))
        {
            foreach (var (_, driver) in node.Object("spec").Items("drivers"))
            {
                if (driver.Text("name") != before.Text("name")) continue;
                var (now, then) = ((JsonObject)driver.DeepClone(), (JsonObject)before.DeepClone());
                now.Remove("allocatable");
                then.Remove("allocatable");
                if (!TreeEquality.Same(now, then))
                    errors.Invalid(
                        FieldPath.Spec.Child("drivers"),
                        InternalStruct.Show(now, "storage.v1.CSINodeDriver"),
                        ImmutableRules.Message);
            }
        }
    }

    public static void ValidateCapacity(JsonObject capacity, FieldErrors errors, JsonObject? old = null)
    {
        SelectorRules.Validate(capacity.Object("nodeTopology"), FieldPath.Of("nodeTopology"), errors, SelectorRules.HasInvalidValue(old.Object("nodeTopology")));
        errors.InvalidEach("storageClassName", capacity.Text("storageClassName"), Formats.DnsSubdomain(capacity.Text("storageClassName")));
        if (ResourceRules.Amount(capacity, "capacity") is { Sign: < 0 } amount) errors.Invalid("capacity", amount.ToString(), NumberRules.NotNegative);
    }

    public static void ValidateCapacityUpdate(JsonObject capacity, JsonObject old, FieldErrors errors)
    {
        ImmutableRules.Field(capacity, old, "nodeTopology", FieldPath.Of("nodeTopology"), errors);
        ImmutableRules.Field(capacity, old, "storageClassName", FieldPath.Of("storageClassName"), errors);
    }

    public static void ValidateAttachment(JsonObject attachment, FieldErrors errors)
    {
        var (spec, path) = (attachment.Object("spec") ?? [], FieldPath.Spec);
        VolumeSourceRules.CsiDriverName(spec.Text("attacher"), path.Child("attacher"), errors);
        var source = spec.Object("source");
        var (name, inline, at) = (source.TextOrNull("persistentVolumeName"), source.Object("inlineVolumeSpec"), path.Child("source"));
        const string one = "must specify exactly one of inlineVolumeSpec and persistentVolumeName";
        if (name is null && inline is null) errors.Required(at, one);
        else if (name is not null && inline is not null) errors.Forbidden(at, one);
        else if (name is { Length: 0 }) errors.Required(at.Child("persistentVolumeName"), "must specify non empty persistentVolumeName");
        else if (inline is not null) PersistentVolumeRules.ValidateSpec(inline, "", true, at.Child("inlineVolumeSpec"), errors);
        errors.InvalidEach(path.Child("nodeName"), spec.Text("nodeName"), Formats.DnsSubdomain(spec.Text("nodeName")));
        ValidateAttachmentStatus(attachment.Object("status"), errors);
        if (name is not null) errors.InvalidEach("spec.source.persistentVolumeName", name, Formats.DnsSubdomain(name));
    }

    private static void ValidateAttachmentStatus(JsonObject? status, FieldErrors errors)
    {
        if (status.TextMap("attachmentMetadata").Sum(pair => Encoding.UTF8.GetByteCount(pair.Key) + Encoding.UTF8.GetByteCount(pair.Value)) > AttachmentMetadataBytesMax)
            errors.TooLong(FieldPath.Status.Child("attachmentMetadata"), AttachmentMetadataBytesMax);
        foreach (var field in (ReadOnlySpan<string>)["attachError", "detachError"])
        {
            var (error, at) = (status.Object(field), FieldPath.Status.Child(field));
            // Upstream names the other limit.
            if (Encoding.UTF8.GetByteCount(error.Text("message")) > VolumeErrorBytesMax) errors.TooLong(at.Child("message"), AttachmentMetadataBytesMax);
            if (error.LongOrNull("errorCode") is < 0 and { } code) errors.Invalid(at.Child("errorCode"), code, "must be between 0 and 2147483647, inclusive");
        }
    }
}
