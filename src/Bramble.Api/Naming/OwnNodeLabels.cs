namespace Bramble.Api.Naming;

/// <summary>Which labels a node may give itself. Source: the NodeRestriction admission plugin and the kubelet's own check of --node-labels.</summary>
public static class OwnNodeLabels
{
    private const string RestrictedNamespace = "node-restriction.kubernetes.io";

    private static readonly HashSet<string> OfKubelets = new(StringComparer.Ordinal)
    {
        "kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region",
        "beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "kubernetes.io/os", "kubernetes.io/arch", "beta.kubernetes.io/os", "beta.kubernetes.io/arch",
    };

    /// <summary>False for those by which it could draw other people's pods to itself.</summary>
    public static bool Contains(string key)
    {
        var slash = key.IndexOf('/');
        var ns = slash < 0 ? "" : key[..slash];
        if (IsIn(ns, RestrictedNamespace)) return false;
        return !IsIn(ns, "kubernetes.io") && !IsIn(ns, "k8s.io") || OfKubelets.Contains(key) || IsIn(ns, "kubelet.kubernetes.io") || IsIn(ns, "node.kubernetes.io");
    }

    private static bool IsIn(string ns, string parent) => ns == parent || ns.EndsWith("." + parent, StringComparison.Ordinal);
}
