using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>What each kind of volume source requires, in Pods and in PersistentVolumes.</summary>
internal static partial class VolumeSourceRules
{
    public const string FileMode = "must be a number between 0 and 0777 (octal), both inclusive";
    public const string PortalTooLong = "Total length of <volume name>:<iscsi.targetPortal> must be under 64 characters if iscsi.initiatorName is specified.";

    /// <summary>Fields that must not be empty and about which there is no more to say.</summary>
    private static readonly Dictionary<string, string[]> RequiredFields = new(StringComparer.Ordinal)
    {
        ["persistentVolumeClaim"] = ["claimName"],
        ["glusterfs"] = ["endpoints", "path"],
        ["rbd"] = ["monitors", "image"],
        ["cinder"] = ["volumeID"],
        ["cephfs"] = ["monitors"],
        ["azureFile"] = ["secretName", "shareName"],
        ["vsphereVolume"] = ["volumePath"],
        ["photonPersistentDisk"] = ["pdID"],
        ["portworxVolume"] = ["volumeID"],
        ["scaleIO"] = ["gateway", "system", "volumeName"],
        ["flexVolume"] = ["driver"],
        ["gcePersistentDisk"] = ["pdName"],
        ["awsElasticBlockStore"] = ["volumeID"],
        ["nfs"] = ["server", "path"],
    };

    public static void Validate(string kind, JsonObject source, FieldPath path, FieldErrors errors, bool isPod = false)
    {
        if (RequiredFields.TryGetValue(kind, out var required))
            foreach (var field in required)
                if (source.Text(field).Length == 0 && source.Count(field) == 0) errors.Required(path.Child(field));
        switch (kind)
        {
            case "hostPath":
                if (source.Text("path") is not { Length: > 0 } hostPath)
                {
                    errors.Required(path.Child("path"));
                    break;
                }

                PathRules.NoBacksteps(hostPath, path.Child("path"), errors);
                EnumRules.Optional(source, "type", path, errors, "", "BlockDevice", "CharDevice", "Directory", "DirectoryOrCreate", "File", "FileOrCreate", "Socket");
                break;
            case "gitRepo":
                if (source.Text("repository").Length == 0) errors.Required(path.Child("repository"));
                PathRules.LocalDescending(source.Text("directory"), path.Child("directory"), errors);
                break;
            case "gcePersistentDisk" or "awsElasticBlockStore":
                if (source.Long("partition") is < 0 or > 255) errors.Invalid(path.Child("partition"), source.Long("partition"), Formats.Range(1, 255));
                break;
            case "secret" or "configMap":
                var name = kind == "secret" ? "secretName" : "name";
                if (source.Text(name).Length == 0) errors.Required(path.Child(name));
                Mode(source, "defaultMode", path, errors);
                foreach (var (index, item) in source.Items("items")) KeyToPath(item, path.Child("items").Index(index), errors);
                break;
            case "nfs":
                if (!source.Text("path").StartsWith('/')) errors.Invalid(path.Child("path"), source.Text("path"), "must be an absolute path");
                break;
            case "iscsi":
                Iscsi(source, path, errors, isPersistent: false);
                break;
            case "flocker":
                Flocker(source, path, errors);
                break;
            case "cinder":
                if (source.Object("secretRef") is { } secret && secret.Text("name").Length == 0) errors.Required(path.Child("secretRef", "name"));
                break;
            case "quobyte":
                Quobyte(source, path, errors);
                break;
            case "downwardAPI":
                Mode(source, "defaultMode", path, errors);
                foreach (var (_, item) in source.Items("items")) DownwardRules.VolumeFile(item, path, errors);
                break;
            case "fc":
                FibreChannel(source, path, errors);
                break;
            case "flexVolume":
                FlexOptions(source, path, errors);
                break;
            case "azureDisk":
                AzureDisk(source, path, errors);
                break;
            case "storageos":
                StorageOs(source, path, errors, isPersistent: false);
                break;
            case "csi":
                CsiDriverName(source.Text("driver"), path.Child("driver"), errors);
                if (source.Object("nodePublishSecretRef") is not { } publish) break;
                if (publish.Text("name") is not { Length: > 0 } publishName) errors.Required(path.Child("nodePublishSecretRef", "name"));
                else errors.InvalidEach(path.Child("name"), publishName, Formats.DnsSubdomain(publishName));
                break;
            case "ephemeral":
                if (source.Object("volumeClaimTemplate") is not { } template) errors.Required(path.Child("volumeClaimTemplate"));
                else ClaimRules.ValidateTemplate(template, path.Child("volumeClaimTemplate"), errors);
                break;
            case "image":
                if (isPod && source.Text("reference").Length == 0) errors.Required(path.Child("reference"));
                EnumRules.Required(source, "pullPolicy", path, errors, "Always", "IfNotPresent", "Never");
                break;
        }
    }

    public static void Mode(JsonObject source, string field, FieldPath path, FieldErrors errors)
    {
        if (source.LongOrNull(field) is { } mode and (< 0 or > 511)) errors.Invalid(path.Child(field), mode, FileMode);
    }

    public static void KeyToPath(JsonObject item, FieldPath path, FieldErrors errors)
    {
        if (item.Text("key").Length == 0) errors.Required(path.Child("key"));
        if (item.Text("path").Length == 0) errors.Required(path.Child("path"));
        PathRules.LocalNonReserved(item.Text("path"), path.Child("path"), errors);
        Mode(item, "mode", path, errors);
    }

    public static void CsiDriverName(string name, FieldPath path, FieldErrors errors)
    {
        if (name.Length == 0)
        {
            errors.Required(path);
            return;
        }

        if (name.Length > 63) errors.TooLong(path, 63);
        errors.InvalidEach(path, name, Formats.DnsSubdomain(name.ToLowerInvariant()));
    }

    public static void Iscsi(JsonObject source, FieldPath path, FieldErrors errors, bool isPersistent, string volumeName = "")
    {
        if (source.Text("targetPortal").Length == 0) errors.Required(path.Child("targetPortal"));
        if (isPersistent && source.Has("initiatorName") && $"{volumeName}:{source.Text("targetPortal")}".Length > 64)
            errors.Invalid(path.Child("targetportal"), source.Text("targetPortal"), PortalTooLong);
        if (source.Text("iqn") is not { Length: > 0 } iqn) errors.Required(path.Child("iqn"));
        else if (IscsiNameError(iqn, isPersistent) is { } why) errors.Invalid(path.Child("iqn"), iqn, why);
        NumberRules.InRange(source.Long("lun"), 0, 255, path.Child("lun"), errors);
        if ((source.Bool("chapAuthDiscovery") || source.Bool("chapAuthSession")) && !source.Has("secretRef")) errors.Required(path.Child("secretRef"));
        if (isPersistent && source.Object("secretRef") is { } secret && secret.Text("name").Length == 0) errors.Required(path.Child("secretRef", "name"));
        if (source.TextOrNull("initiatorName") is { } initiator && IscsiNameError(initiator, isPersistent) is { } wrong)
            errors.Invalid(path.Child("initiatorname"), initiator, wrong);
    }

    private static string? IscsiNameError(string name, bool isPersistent)
    {
        var format = name.StartsWith("iqn", StringComparison.Ordinal) ? Iqn() : name.StartsWith("eui", StringComparison.Ordinal) ? Eui() : name.StartsWith("naa", StringComparison.Ordinal) ? Naa() : null;
        if (format is null) return isPersistent ? "must be valid format" : "must be valid format starting with iqn, eui, or naa";
        return format.IsMatch(name) ? null : "must be valid format";
    }

    private static void Flocker(JsonObject source, FieldPath path, FieldErrors errors)
    {
        var (name, uuid) = (source.Text("datasetName"), source.Text("datasetUUID"));
        if (name.Length == 0 && uuid.Length == 0) errors.Required(path, "one of datasetName and datasetUUID is required");
        if (name.Length > 0 && uuid.Length > 0) errors.Invalid(path, "resource", "datasetName and datasetUUID can not be specified simultaneously");
        if (name.Contains('/')) errors.Invalid(path.Child("datasetName"), name, "must not contain '/'");
    }

    private static void Quobyte(JsonObject source, FieldPath path, FieldErrors errors)
    {
        const string pairs = "must be a host:port pair or multiple pairs separated by commas";
        var registry = source.Text("registry");
        if (registry.Length == 0) errors.Required(path.Child("registry"), pairs);
        else if (source.Text("tenant").Length >= 65) errors.Required(path.Child("tenant"), "must be a UUID and may not exceed a length of 64 characters");
        else
            foreach (var pair in registry.Split(','))
                if (!HostPort().IsMatch(pair)) errors.Invalid(path.Child("registry"), registry, pairs);
        if (source.Text("volume").Length == 0) errors.Required(path.Child("volume"));
    }

    private static void FibreChannel(JsonObject source, FieldPath path, FieldErrors errors)
    {
        var (names, ids) = (source.Count("targetWWNs"), source.Count("wwids"));
        if (names == 0 && ids == 0) errors.Required(path.Child("targetWWNs"), "must specify either targetWWNs or wwids, but not both");
        if (names > 0 && ids > 0) errors.Invalid(path.Child("targetWWNs"), source["targetWWNs"], "targetWWNs and wwids can not be specified simultaneously");
        if (names == 0) return;
        if (source.LongOrNull("lun") is { } lun) NumberRules.InRange(lun, 0, 255, path.Child("lun"), errors);
        else errors.Required(path.Child("lun"), "lun is required if targetWWNs is specified");
    }

    private static void FlexOptions(JsonObject source, FieldPath path, FieldErrors errors)
    {
        foreach (var (key, _) in source.TextMap("options"))
        {
            var domain = "." + key.Split('/', 2)[0].ToLowerInvariant();
            if (domain.EndsWith(".kubernetes.io", StringComparison.Ordinal) || domain.EndsWith(".k8s.io", StringComparison.Ordinal))
                errors.Invalid(path.Child("options").Key(key), key, "kubernetes.io and k8s.io namespaces are reserved");
        }
    }

    private static void AzureDisk(JsonObject source, FieldPath path, FieldErrors errors)
    {
        if (source.Text("diskName").Length == 0) errors.Required(path.Child("diskName"));
        var uri = source.Text("diskURI");
        if (uri.Length == 0) errors.Required(path.Child("diskURI"));
        EnumRules.Optional(source, "cachingMode", path, errors, "None", "ReadOnly", "ReadWrite");
        EnumRules.Optional(source, "kind", path, errors, "Dedicated", "Managed", "Shared");
        if (source.TextOrNull("kind") is not { } kind) return;
        if (kind == "Managed" && !uri.StartsWith("/subscriptions/", StringComparison.Ordinal))
            errors.NotSupported(path.Child("diskURI"), uri, ["/subscriptions/{sub-id}/resourcegroups/{group-name}/providers/microsoft.compute/disks/{disk-id}"]);
        if (kind != "Managed" && !uri.StartsWith("https://", StringComparison.Ordinal))
            errors.NotSupported(path.Child("diskURI"), uri, ["https://{account-name}.blob.core.windows.net/{container-name}/{disk-name}.vhd"]);
    }

    public static void StorageOs(JsonObject source, FieldPath path, FieldErrors errors, bool isPersistent)
    {
        if (source.Text("volumeName") is not { Length: > 0 } name) errors.Required(path.Child("volumeName"));
        else errors.InvalidEach(path.Child("volumeName"), name, Formats.DnsLabel(name));
        if (source.Text("volumeNamespace") is { Length: > 0 } ns) errors.InvalidEach(path.Child("volumeNamespace"), ns, Formats.DnsLabel(ns));
        if (source.Object("secretRef") is not { } secret) return;
        if (secret.Text("name").Length == 0) errors.Required(path.Child("secretRef", "name"));
        if (isPersistent && secret.Text("namespace").Length == 0) errors.Required(path.Child("secretRef", "namespace"));
    }

    [GeneratedRegex("iqn\\.[0-9]{4}-[0-9]{2}\\.([-a-zA-Z0-9.]+)(:[^,;*&$|\\s]+)\\z")]
    private static partial Regex Iqn();

    [GeneratedRegex("^eui.[a-zA-Z0-9]{16}$")]
    private static partial Regex Eui();

    [GeneratedRegex("^naa.[a-zA-Z0-9]{32}$")]
    private static partial Regex Naa();

    [GeneratedRegex("^(\\[[^\\]]*\\]|[^:]*):[^:]*$")]
    private static partial Regex HostPort();
}
