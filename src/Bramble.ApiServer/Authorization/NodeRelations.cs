using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.Client;

namespace Bramble.ApiServer.Authorization;

/// <summary>Which objects belong to what runs on a node. Asked of the caches each time: a node asks rarely and a namespace has few pods.</summary>
internal sealed class NodeRelations(IResourceReader reader)
{
    private static readonly GroupResource Pods = new("", "pods");
    private static readonly GroupResource PersistentVolumes = new("", "persistentvolumes");

    // Secrets of a volume that the kubelet itself needs (upstream's kubeletVisible).
    private static readonly string[] CsiSecrets = ["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"];
    private static readonly string[] OldPluginsWithSecrets = ["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"];

    public bool HasPod(string node, NamespacedName pod) => reader.Find(Pods, pod) is { } found && PodReferences.Of(found).NodeName == node;

    public bool HasServiceAccount(string node, NamespacedName account) => PodsOn(node, account.Namespace).Any(pod => pod.ServiceAccount == account.Name);

    public bool HasConfigMap(string node, NamespacedName map) => PodsOn(node, map.Namespace).Any(pod => pod.ConfigMaps.Contains(map.Name));

    public bool HasClaim(string node, NamespacedName claim) => PodsOn(node, claim.Namespace).Any(pod => pod.Claims.Contains(claim.Name));

    public bool HasResourceClaim(string node, NamespacedName claim) => PodsOn(node, claim.Namespace).Any(pod => pod.ResourceClaims.Contains(claim.Name));

    public bool HasSecret(string node, NamespacedName secret) =>
        PodsOn(node, secret.Namespace).Any(pod => pod.Secrets.Contains(secret.Name))
        || reader.List(PersistentVolumes).Select(volume => volume.ToTree()).Any(volume => SecretsOf(volume).Contains(secret) && IsClaimedOn(node, volume));

    public bool HasVolume(string node, string name) => reader.Find(PersistentVolumes, new("", name)) is { } volume && IsClaimedOn(node, volume.ToTree());

    public bool HasVolumeAttachment(string node, string name) => NamesNode(new("storage.k8s.io", "volumeattachments"), new("", name), node);

    public bool HasResourceSlice(string node, string name) => NamesNode(new("resource.k8s.io", "resourceslices"), new("", name), node);

    public bool HasPodCertificateRequest(string node, NamespacedName name) => NamesNode(new("certificates.k8s.io", "podcertificaterequests"), name, node);

    private bool NamesNode(GroupResource resource, NamespacedName name, string node) => reader.Find(resource, name) is { } found && (string?)found.ToTree()["spec"]?["nodeName"] == node;

    private IEnumerable<PodReferences> PodsOn(string node, string ns) => reader.List(Pods, ns).Select(PodReferences.Of).Where(pod => pod.NodeName == node);

    private bool IsClaimedOn(string node, JsonObject volume) =>
        volume["spec"]?["claimRef"] is JsonObject claim && HasClaim(node, new((string?)claim["namespace"] ?? "", (string?)claim["name"] ?? ""));

    private static HashSet<NamespacedName> SecretsOf(JsonObject volume)
    {
        HashSet<NamespacedName> secrets = [];
        if (volume["spec"] is not JsonObject spec) return secrets;
        var claimNamespace = (string?)spec["claimRef"]?["namespace"] ?? "";
        void Add(JsonNode? reference)
        {
            if ((string?)reference?["name"] is { Length: > 0 } name) secrets.Add(new((string?)reference["namespace"] is { Length: > 0 } ns ? ns : claimNamespace, name));
        }
        foreach (var field in CsiSecrets) Add(spec["csi"]?[field]);
        foreach (var plugin in OldPluginsWithSecrets) Add(spec[plugin]?["secretRef"]);
        if ((string?)spec["azureFile"]?["secretName"] is { Length: > 0 } azure) secrets.Add(new((string?)spec["azureFile"]!["secretNamespace"] is { Length: > 0 } ns ? ns : claimNamespace, azure));
        return secrets;
    }
}
