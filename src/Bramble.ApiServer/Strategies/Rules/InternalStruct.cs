using System.Text.Json.Nodes;
using Bramble.Api.Schemas;

namespace Bramble.ApiServer.Strategies;

/// <summary>An API structure as upstream's messages show it. Upstream validates its internal types, which have no JSON names: their dump has the Go names of all fields,
/// zero where absent. The internal types follow v1's schema but for what the tables here name (pkg/apis/*/types.go). Types of apimachinery keep their JSON form.</summary>
internal static class InternalStruct
{
    /// <param name="typeName">The type without <c>io.k8s.api.</c>: <c>core.v1.PodSpec</c>.</param>
    public static JsonNode? Show(JsonNode? tree, string typeName) => Value(tree, BuiltInSchemas.Find("io.k8s.api." + typeName)!);

    /// <summary>As <see cref="Show"/>, but null when absent.</summary>
    public static JsonNode? ShowPointer(JsonNode? tree, string typeName) => tree is null ? null : Show(tree, typeName);

    public static JsonNode? ShowSelector(JsonNode? selector) => Value(selector, BuiltInSchemas.Find(Apimachinery + "pkg.apis.meta.v1.LabelSelector")!);

    /// <summary>A Go map of texts: its keys are sorted.</summary>
    public static JsonNode? ShowMap(JsonObject? map) => map is null ? null : Sorted(map, value => value?.DeepClone());

    private static JsonNode? Value(JsonNode? value, SchemaType type) => type.Kind switch
    {
        SchemaKind.Struct when IsTagged(type) => value is JsonObject tagged ? Tagged(tagged, type) : null,
        SchemaKind.Struct => Struct(value as JsonObject, type),
        SchemaKind.Array => value is JsonArray list ? new JsonArray([.. list.Select(item => Value(item, type.Element!))]) : null,
        SchemaKind.Map when value is JsonObject map => Sorted(map, item => Value(item, type.Element!)),
        _ => value?.DeepClone(),
    };

    private static bool IsTagged(SchemaType type) => type.Name.StartsWith(Apimachinery, StringComparison.Ordinal);

    private static JsonObject Tagged(JsonObject tree, SchemaType type)
    {
        var shown = new JsonObject();
        foreach (var field in type.Fields)
            if (tree.TryGetPropertyValue(field.Name, out var value) && value is not null) shown[field.Name] = Value(value, field.Type);
        return shown;
    }

    private static JsonObject Struct(JsonObject? tree, SchemaType type)
    {
        var shown = new JsonObject();
        foreach (var field in Ordered(type))
        {
            if (field.Name is "apiVersion" or "kind" && type.GroupVersionKinds.Count > 0) continue;
            if (type.Name == PodSpec && (field.Name == "serviceAccount" || HostFields.Contains(field.Name))) continue;
            var value = tree is not null && tree.TryGetPropertyValue(field.Name, out var there) ? there : null;
            if (field.Name == "metadata")
            {
                // ObjectMeta is embedded: its members stand beside the spec.
                foreach (var (name, member) in Tagged(value as JsonObject ?? [], field.Type).ToList()) shown[name] = member?.DeepClone();
                continue;
            }

            shown[GoName(type.Name, field.Name)] = value is null ? Zero(field) : Value(value, field.Type);
        }

        if (type.Name == PodSpec && shown["SecurityContext"] is JsonObject context) WithHostFields(tree, context, type);
        return shown;
    }

    /// <summary>The internal PodSpec keeps what a pod shares with its host in the security context, in front of all else.</summary>
    private static void WithHostFields(JsonObject? pod, JsonObject context, SchemaType type)
    {
        var at = 0;
        foreach (var name in HostFields)
        {
            var field = type.FindField(name)!;
            context.Insert(at++, GoName(PodSpec, name), pod.Has(name) ? pod![name]!.DeepClone() : Zero(field));
        }
    }

    private static JsonNode? Zero(SchemaField field) => field.IsPointer
        ? null
        : field.Type.Kind switch
        {
            SchemaKind.Struct => IsTagged(field.Type) ? new JsonObject() : Struct(null, field.Type),
            SchemaKind.String => "",
            SchemaKind.Integer or SchemaKind.Number or SchemaKind.IntOrString => 0,
            SchemaKind.Boolean => false,
            SchemaKind.Quantity => "0",
            SchemaKind.Duration => "0s",
            _ => null,
        };

    private static IEnumerable<SchemaField> Ordered(SchemaType type) =>
        Orders.TryGetValue(type.Name, out var first) ? first.Select(name => type.FindField(name)!).Concat(type.Fields.Where(field => !first.Contains(field.Name))) : type.Fields;

    private static JsonObject Sorted(JsonObject map, Func<JsonNode?, JsonNode?> shownAs)
    {
        var shown = new JsonObject();
        foreach (var (name, value) in map.OrderBy(member => member.Key, StringComparer.Ordinal)) shown[name] = shownAs(value);
        return shown;
    }

    private static string GoName(string typeName, string name)
    {
        if (Renamed.TryGetValue((typeName[(typeName.LastIndexOf('.') + 1)..], name), out var renamed) || Renamed.TryGetValue(("", name), out renamed)) return renamed;
        var word = 0;
        while (word < name.Length && char.IsAsciiLetterLower(name[word])) word++;
        return (Acronyms.Contains(name[..word]) ? name[..word].ToUpperInvariant() : char.ToUpperInvariant(name[0]) + name[1..word]) + name[word..];
    }

    private const string Apimachinery = "io.k8s.apimachinery.";
    private const string PodSpec = "io.k8s.api.core.v1.PodSpec";

    private static readonly string[] HostFields = ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"];

    private static readonly HashSet<string> Acronyms =
        ["api", "dns", "fs", "se", "os", "uid", "gid", "tty", "ip", "tcp", "http", "tls", "nfs", "rbd", "csi", "uri", "url", "fc", "ca", "cel", "gmsa", "grpc", "ttl", "iscsi", "iqn", "id", "cidr", "qos", "ssl"];

    /// <summary>By type (empty: any) and JSON name.</summary>
    private static readonly Dictionary<(string Type, string Name), string> Renamed = new()
    {
        [("", "gcePersistentDisk")] = "GCEPersistentDisk",
        [("", "awsElasticBlockStore")] = "AWSElasticBlockStore",
        [("", "cephfs")] = "CephFS",
        [("", "storageos")] = "StorageOS",
        [("", "ipFamilies")] = "IPFamilies",
        [("", "cidrs")] = "CIDRs",
        [("", "ips")] = "IPs",
        [("", "wwids")] = "WWIDs",
        [("", "pdName")] = "PDName",
        [("", "jsonPatch")] = "JSONPatch",
        [("", "chapAuthDiscovery")] = "DiscoveryCHAPAuth",
        [("", "chapAuthSession")] = "SessionCHAPAuth",
        [("AzureDiskVolumeSource", "diskURI")] = "DataDiskURI",
        [("GlusterfsVolumeSource", "endpoints")] = "EndpointsName",
        [("GlusterfsPersistentVolumeSource", "endpoints")] = "EndpointsName",
        [("RBDVolumeSource", "monitors")] = "CephMonitors",
        [("RBDVolumeSource", "image")] = "RBDImage",
        [("RBDVolumeSource", "pool")] = "RBDPool",
        [("RBDVolumeSource", "user")] = "RadosUser",
        [("RBDPersistentVolumeSource", "monitors")] = "CephMonitors",
        [("RBDPersistentVolumeSource", "image")] = "RBDImage",
        [("RBDPersistentVolumeSource", "pool")] = "RBDPool",
        [("RBDPersistentVolumeSource", "user")] = "RadosUser",
        [("ContainerStatus", "lastState")] = "LastTerminationState",
        [("Event", "reportingComponent")] = "ReportingController",
        [("DeviceAttribute", "int")] = "IntValue",
        [("DeviceAttribute", "bool")] = "BoolValue",
        [("DeviceAttribute", "string")] = "StringValue",
        [("DeviceAttribute", "version")] = "VersionValue",
        [("DeviceAttribute", "ints")] = "IntValues",
        [("DeviceAttribute", "bools")] = "BoolValues",
        [("DeviceAttribute", "strings")] = "StringValues",
        [("DeviceAttribute", "versions")] = "VersionValues",
    };

    /// <summary>Types whose internal fields stand in another order than v1's; fields that are not named follow.</summary>
    private static readonly Dictionary<string, string[]> Orders = new()
    {
        ["io.k8s.api.core.v1.PodSpec"] =
        [
            "volumes", "initContainers", "containers", "ephemeralContainers", "restartPolicy", "terminationGracePeriodSeconds", "activeDeadlineSeconds", "dnsPolicy", "nodeSelector",
            "serviceAccountName", "automountServiceAccountToken", "nodeName", "securityContext", "imagePullSecrets", "hostname", "subdomain", "setHostnameAsFQDN", "affinity", "schedulerName",
            "tolerations", "hostAliases", "priorityClassName", "priority", "preemptionPolicy", "dnsConfig", "readinessGates", "runtimeClassName", "overhead", "enableServiceLinks",
        ],
        ["io.k8s.api.core.v1.PodSecurityContext"] =
        [
            "seLinuxOptions", "windowsOptions", "runAsUser", "runAsGroup", "runAsNonRoot", "supplementalGroups", "supplementalGroupsPolicy", "fsGroup", "fsGroupChangePolicy",
        ],
        ["io.k8s.api.core.v1.Volume"] =
        [
            "name", "hostPath", "emptyDir", "gcePersistentDisk", "awsElasticBlockStore", "gitRepo", "secret", "nfs", "iscsi", "glusterfs", "persistentVolumeClaim", "rbd", "quobyte",
        ],
        ["io.k8s.api.core.v1.PersistentVolumeSpec"] =
        [
            "capacity", "gcePersistentDisk", "awsElasticBlockStore", "hostPath", "glusterfs", "nfs", "rbd", "quobyte", "iscsi", "flexVolume", "cinder", "cephfs", "fc",
        ],
        ["io.k8s.api.core.v1.ServiceSpec"] =
        [
            "type", "ports", "selector", "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "externalName", "externalIPs", "loadBalancerIP", "sessionAffinity", "sessionAffinityConfig",
        ],
        ["io.k8s.api.batch.v1.JobSpec"] =
        [
            "parallelism", "completions", "podFailurePolicy", "successPolicy", "activeDeadlineSeconds", "backoffLimit", "backoffLimitPerIndex", "maxFailedIndexes",
        ],
        ["io.k8s.api.batch.v1.JobStatus"] = ["conditions", "startTime", "completionTime", "active", "terminating", "ready", "succeeded", "failed"],
        ["io.k8s.api.autoscaling.v2.ContainerResourceMetricSource"] = ["name", "container", "target"],
        ["io.k8s.api.autoscaling.v2.ContainerResourceMetricStatus"] = ["name", "container", "current"],
        ["io.k8s.api.storage.v1.CSIDriverSpec"] = ["attachRequired", "fsGroupPolicy"],
        ["io.k8s.api.admissionregistration.v1.ValidatingAdmissionPolicySpec"] = ["paramKind", "matchConstraints", "validations", "matchConditions", "failurePolicy", "auditAnnotations", "variables"],
    };
}
