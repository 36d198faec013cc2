using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;

namespace Bramble.Client;

/// <summary>Everything that a pod's spec names: what its node may see because of the pod, and what must stay while it is there. Read once a version of the pod.</summary>
public sealed class PodReferences
{
    private static readonly ConditionalWeakTable<KubeObject, PodReferences> Known = [];

    private static readonly string[] ContainerLists = ["initContainers", "containers", "ephemeralContainers"];

    public string NodeName { get; private init; } = "";
    public string ServiceAccount { get; private init; } = "";
    public HashSet<string> Secrets { get; } = new(StringComparer.Ordinal);
    public HashSet<string> ConfigMaps { get; } = new(StringComparer.Ordinal);
    public HashSet<string> Claims { get; } = new(StringComparer.Ordinal);
    public HashSet<string> ResourceClaims { get; } = new(StringComparer.Ordinal);

    public static PodReferences Of(KubeObject pod) => Known.GetValue(pod, static p => Read(p.ToTree()));

    /// <summary>Of a tree that need not be stored yet.</summary>
    public static PodReferences Read(JsonObject pod)
    {
        var spec = pod["spec"] as JsonObject ?? [];
        var nodeName = Text(spec["nodeName"]);
        // A node makes mirror pods itself: they must not open anything to it.
        if (pod["metadata"]?["annotations"] is JsonObject annotations && annotations.ContainsKey("kubernetes.io/config.mirror")) return new PodReferences { NodeName = nodeName };
        var references = new PodReferences { NodeName = nodeName, ServiceAccount = Text(spec["serviceAccountName"]) };
        foreach (var secret in Items(spec["imagePullSecrets"])) Add(references.Secrets, secret["name"]);
        foreach (var container in ContainerLists.SelectMany(list => Items(spec[list])))
        {
            foreach (var source in Items(container["envFrom"])) references.AddSource(source, "secretRef", "configMapRef");
            foreach (var variable in Items(container["env"]))
                if (variable["valueFrom"] is JsonObject source) references.AddSource(source, "secretKeyRef", "configMapKeyRef");
        }
        foreach (var volume in Items(spec["volumes"])) references.AddVolume(volume, Text(pod["metadata"]?["name"]));
        foreach (var claim in Items(spec["resourceClaims"]))
        {
            Add(references.ResourceClaims, claim["resourceClaimName"]);
            var made = Items(pod["status"]?["resourceClaimStatuses"]).FirstOrDefault(status => Text(status["name"]) == Text(claim["name"]));
            Add(references.ResourceClaims, made?["resourceClaimName"]);
        }
        Add(references.ResourceClaims, pod["status"]?["extendedResourceClaimStatus"]?["resourceClaimName"]);
        return references;
    }

    private void AddSource(JsonObject source, string secret, string configMap)
    {
        Add(Secrets, source[secret]?["name"]);
        Add(ConfigMaps, source[configMap]?["name"]);
    }

    private void AddVolume(JsonObject volume, string podName)
    {
        Add(Secrets, volume["secret"]?["secretName"]);
        Add(Secrets, volume["azureFile"]?["secretName"]);
        Add(Secrets, volume["csi"]?["nodePublishSecretRef"]?["name"]);
        foreach (var kind in (string[])["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"]) Add(Secrets, volume[kind]?["secretRef"]?["name"]);
        Add(ConfigMaps, volume["configMap"]?["name"]);
        foreach (var source in Items(volume["projected"]?["sources"])) AddSource(source, "secret", "configMap");
        Add(Claims, volume["persistentVolumeClaim"]?["claimName"]);
        if (volume["ephemeral"] is not null) Claims.Add($"{podName}-{Text(volume["name"])}");
    }

    private static void Add(HashSet<string> names, JsonNode? name)
    {
        if (Text(name) is { Length: > 0 } text) names.Add(text);
    }

    private static IEnumerable<JsonObject> Items(JsonNode? list) => list is JsonArray array ? array.OfType<JsonObject>() : [];

    private static string Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : "";
}
