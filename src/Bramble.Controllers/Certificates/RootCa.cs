using System.Text.Json.Nodes;
using Bramble.Client;
using Bramble.Controllers.Namespaces;
using k8s.Models;

namespace Bramble.Controllers.Certificates;

/// <summary>What becomes of the ConfigMap <c>kube-root-ca.crt</c> of a namespace: the CA of the API server, which Pods mount beside their tokens. Pure.</summary>
internal abstract record RootCa
{
    public const string Name = "kube-root-ca.crt";
    private const string DescriptionAnnotation = "kubernetes.io/description";
    private const string Description = "Contains a CA bundle that can be used to verify the kube-apiserver when using internal endpoints such as the internal service IP or "
        + "kubernetes.default.svc. No other usage is guaranteed across distributions of Kubernetes clusters.";

    private RootCa() { }

    public sealed record Keep : RootCa;

    public sealed record Create(JsonObject Map) : RootCa;

    public sealed record Update(JsonObject Map) : RootCa;

    /// <param name="map">What there is under the name.</param>
    /// <param name="pem">Empty: this cluster publishes none.</param>
    public static RootCa Decide(V1Namespace? ns, KubeObject? map, string pem)
    {
        if (pem.Length == 0 || !NamespaceDefault.IsGivenTo(ns)) return new Keep();
        var tree = map?.ToTree() ?? new JsonObject
        {
            ["apiVersion"] = "v1",
            ["kind"] = "ConfigMap",
            ["metadata"] = new JsonObject { ["name"] = Name, ["namespace"] = ns!.Metadata.Name },
        };
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        // Others' words for it stay; nobody's other data does.
        var wanted = new JsonObject { ["ca.crt"] = pem };
        var isDescribed = !string.IsNullOrEmpty((string?)annotations[DescriptionAnnotation]);
        if (isDescribed && JsonNode.DeepEquals(tree["data"], wanted)) return new Keep();
        annotations[DescriptionAnnotation] = Description;
        tree["data"] = wanted;
        return map is null ? new Create(tree) : new Update(tree);
    }
}
