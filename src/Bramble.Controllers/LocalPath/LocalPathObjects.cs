using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.Controllers.LocalPath;

/// <summary>The objects of K3s' local-storage.yaml that have a meaning here: the default class, where its volumes lie, and the rights of its provisioner.
/// Written when the cluster has a node; what a user has changed of one stays as the user wants it.</summary>
public static class LocalPathObjects
{
    /// <summary>The account under whose rights the provisioner runs.</summary>
    public const string Account = "local-path-provisioner-service-account";

    private const string Manager = "k3s-supervisor";
    private const string Rbac = "rbac.authorization.k8s.io";

    /// <param name="path">Where volumes lie on every node: <c>--default-local-storage-path</c>.</param>
    public static async Task EnsureAsync(IKubeClient client, string path, CancellationToken cancel)
    {
        foreach (var (resource, body) in All(path))
        {
            try
            {
                await client.PatchAsync(resource, NameOf(body), new Patch(PatchType.Apply, body, Manager), null, cancel);
            }
            catch (StatusException e) when (e.IsConflict)
            {
                // Somebody else has set one of these fields: theirs.
            }
        }
    }

    /// <summary>For <c>--disable local-storage</c>: what an earlier start made goes, what a user made does not. Volumes and their data stay.</summary>
    public static async Task RemoveAsync(IKubeClient client, CancellationToken cancel)
    {
        foreach (var (resource, body) in All("/"))
        {
            var name = NameOf(body);
            if (await client.FindAsync(resource, name, cancel) is { } found && (string?)found.ToTree()["metadata"]?["labels"]?[OwnerHash] == Hash)
                await client.DeleteAsync(resource, name, new DeleteQuery(Uid: found.Uid), cancel);
        }
    }

    /// <summary>How K3s marks what belongs to its packaged file of this name; so a K3s that takes the cluster over again knows them.</summary>
    private const string OwnerHash = "objectset.rio.cattle.io/hash";
    private const string OwnerKind = "k3s.cattle.io/v1, Kind=Addon";
    private const string OwnerName = "local-storage";
    private const string OwnerNamespace = "kube-system";

    private static string Hash => Convert.ToHexStringLower(SHA1.HashData(Encoding.UTF8.GetBytes(OwnerKind + OwnerName + OwnerNamespace)));

    private static IEnumerable<(ResourceId Resource, JsonObject Body)> All(string path)
    {
        yield return (Resources.ServiceAccounts, Object("v1", "ServiceAccount", "kube-system", Account, []));
        yield return (Resources.ClusterRoles, Object($"{Rbac}/v1", "ClusterRole", "", "local-path-provisioner-role", new JsonObject
        {
            ["rules"] = new JsonArray(
                Rule("", ["nodes", "configmaps"], ["get", "list", "watch"]),
                // update: gives a claim back to the scheduler whose chosen node is gone.
                Rule("", ["persistentvolumeclaims"], ["get", "list", "watch", "update"]),
                Rule("", ["persistentvolumes"], ["get", "list", "watch", "create", "patch", "update", "delete"]),
                Rule("", ["events"], ["create", "patch"]),
                Rule("storage.k8s.io", ["storageclasses"], ["get", "list", "watch"])),
        }));
        yield return (Resources.ClusterRoleBindings, Object($"{Rbac}/v1", "ClusterRoleBinding", "", "local-path-provisioner-bind", new JsonObject
        {
            ["roleRef"] = new JsonObject { ["apiGroup"] = Rbac, ["kind"] = "ClusterRole", ["name"] = "local-path-provisioner-role" },
            ["subjects"] = new JsonArray(new JsonObject { ["kind"] = "ServiceAccount", ["name"] = Account, ["namespace"] = "kube-system" }),
        }));
        yield return (Resources.ConfigMaps, Object("v1", "ConfigMap", "kube-system", "local-path-config", new JsonObject
        {
            ["data"] = new JsonObject { [LocalPathConfig.Key] = LocalPathConfig.Initial(path) },
        }));
        var storageClass = Object("storage.k8s.io/v1", "StorageClass", "", "local-path", new JsonObject
        {
            ["provisioner"] = LocalPathVolume.Provisioner,
            ["reclaimPolicy"] = "Delete",
            ["volumeBindingMode"] = "WaitForFirstConsumer",
        });
        storageClass["metadata"]!["annotations"]!["defaultVolumeType"] = "local";
        storageClass["metadata"]!["annotations"]!["storageclass.kubernetes.io/is-default-class"] = "true";
        yield return (Resources.StorageClasses, storageClass);
    }

    private static JsonObject Object(string apiVersion, string kind, string ns, string name, JsonObject body)
    {
        body["apiVersion"] = apiVersion;
        body["kind"] = kind;
        var metadata = new JsonObject
        {
            ["name"] = name,
            ["labels"] = new JsonObject { [OwnerHash] = Hash },
            ["annotations"] = new JsonObject
            {
                ["objectset.rio.cattle.io/id"] = "",
                ["objectset.rio.cattle.io/owner-gvk"] = OwnerKind,
                ["objectset.rio.cattle.io/owner-name"] = OwnerName,
                ["objectset.rio.cattle.io/owner-namespace"] = OwnerNamespace,
            },
        };
        if (ns.Length > 0) metadata["namespace"] = ns;
        body["metadata"] = metadata;
        return body;
    }

    private static JsonNode Rule(string group, string[] resources, string[] verbs) => new JsonObject
    {
        ["apiGroups"] = new JsonArray((JsonNode)group),
        ["resources"] = new JsonArray([.. resources.Select(r => (JsonNode)r)]),
        ["verbs"] = new JsonArray([.. verbs.Select(v => (JsonNode)v)]),
    };

    private static NamespacedName NameOf(JsonObject body) => new((string?)body["metadata"]!["namespace"] ?? "", (string)body["metadata"]!["name"]!);
}
