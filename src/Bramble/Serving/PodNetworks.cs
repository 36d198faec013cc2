using System.Net;
using k8s.Models;

namespace Bramble.Serving;

/// <summary>The pod networks of a node, as its spec names them.</summary>
internal static class PodNetworks
{
    public static IEnumerable<IPNetwork> Of(V1Node? node)
    {
        foreach (var text in node?.Spec?.PodCIDRs ?? [])
            if (IPNetwork.TryParse(text, out var network)) yield return network;
    }
}
