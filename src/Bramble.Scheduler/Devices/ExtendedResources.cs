using System.Text.Json.Nodes;
using Bramble.Scheduler.State;
using k8s.Models;

namespace Bramble.Scheduler.Devices;

/// <summary>The claim that stands for the extended resources of a Pod which a node does not offer itself, but a DeviceClass does. KEP-5004. Pure.</summary>
internal static class ExtendedResources
{
    /// <summary>Marks the claim of a Pod's extended resources; the Pod is its controller.</summary>
    public const string Annotation = "resource.kubernetes.io/extended-resource-claim";

    /// <summary>Until the API gives it one: no object has such a name.</summary>
    public const string NameInMemory = "<extended-resources>";

    /// <summary>Identifies what was promised to the Pod before its claim is made.</summary>
    public static string UidInMemory(string podUid) => $"{NameInMemory}{podUid}";

    /// <summary>Containers that run together each get devices of their own. Init containers that end before others begin use those of the containers after them, and of what
    /// is missing then the largest number serves them all.</summary>
    /// <param name="classOf">The resources in question, and who serves each.</param>
    /// <returns>The claim as it will be created, with a name and uid of its own for now; and which request serves which container.</returns>
    public static (DeviceClaim Claim, JsonArray Mappings) ClaimFor(V1Pod pod, IReadOnlyDictionary<string, DeviceClass> classOf)
    {
        var requests = new SortedDictionary<string, JsonNode>(StringComparer.Ordinal);
        var mappings = new JsonArray();
        var inits = pod.Spec.InitContainers?.Count ?? 0;
        V1Container[] containers = [.. pod.Spec.InitContainers ?? [], .. pod.Spec.Containers];
        foreach (var (resource, ofClass) in classOf.OrderBy(c => c.Key, StringComparer.Ordinal))
        {
            var own = new (string Name, long Count)[containers.Length];
            for (var i = 0; i < containers.Length; i++)
            {
                if (IsShortLived(i) || AmountOf(containers[i], resource) is not (> 0 and var count)) continue;
                own[i] = (NameOf(i, containers[i], resource), count);
                Map(containers[i], own[i].Name);
            }

            (string Name, long Count) largest = default;
            List<JsonObject> shared = [];
            for (var i = 0; i < inits; i++)
            {
                if (!IsShortLived(i)) continue;
                var missing = AmountOf(containers[i], resource);
                for (var later = i; later < containers.Length && missing > 0; later++)
                {
                    if (own[later].Count == 0) continue;
                    missing -= own[later].Count;
                    Map(containers[i], own[later].Name);
                }

                if (missing <= 0) continue;
                if (missing > largest.Count) largest = (NameOf(i, containers[i], resource), missing);
                shared.Add(Map(containers[i], ""));
            }

            foreach (var mapping in shared) mapping["requestName"] = largest.Name;
            if (largest.Count > 0) Request(largest);
            foreach (var request in own)
                if (request.Count > 0) Request(request);

            JsonObject Map(V1Container container, string request)
            {
                var mapping = new JsonObject { ["containerName"] = container.Name, ["resourceName"] = resource, ["requestName"] = request };
                mappings.Add((JsonNode)mapping);
                return mapping;
            }

            void Request((string Name, long Count) wanted) => requests.Add(wanted.Name, new JsonObject
            {
                ["name"] = wanted.Name,
                ["exactly"] = new JsonObject { ["deviceClassName"] = ofClass.Name, ["allocationMode"] = "ExactCount", ["count"] = wanted.Count },
            });
        }

        return (DeviceClaim.Of(Tree(pod, new JsonArray([.. requests.Values]))), mappings);

        bool IsShortLived(int index) => index < inits && containers[index].RestartPolicy != "Always";
    }

    private static JsonObject Tree(V1Pod pod, JsonArray requests) => new()
    {
        ["apiVersion"] = "resource.k8s.io/v1",
        ["kind"] = "ResourceClaim",
        ["metadata"] = new JsonObject
        {
            ["name"] = NameInMemory,
            ["uid"] = UidInMemory(pod.Metadata.Uid),
            ["generateName"] = $"{pod.Metadata.Name}-extended-resources-",
            ["namespace"] = pod.Metadata.NamespaceProperty,
            ["annotations"] = new JsonObject { [Annotation] = "true" },
            ["ownerReferences"] = new JsonArray((JsonNode)new JsonObject { ["apiVersion"] = "v1", ["kind"] = "Pod", ["name"] = pod.Metadata.Name, ["uid"] = pod.Metadata.Uid, ["controller"] = true }),
        },
        ["spec"] = new JsonObject { ["devices"] = new JsonObject { ["requests"] = requests } },
    };

    private static long AmountOf(V1Container container, string resource) =>
        container.Resources?.Requests is { } requests && requests.TryGetValue(resource, out var quantity) ? ResourceAmounts.Amount(resource, quantity) : 0;

    /// <summary>By place: of the container among all, of the resource among the container's by name.</summary>
    private static string NameOf(int container, V1Container of, string resource) =>
        $"container-{container}-request-{of.Resources.Requests.Keys.Order(StringComparer.Ordinal).ToList().IndexOf(resource)}";
}
