using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Proxying;

/// <summary>Where a node's kubelet is. Addresses in the order of preference that K3s sets.</summary>
internal sealed class Kubelets(IResourceReader reader)
{
    private static readonly string[] AddressTypes = ["InternalIP", "ExternalIP", "Hostname"];

    /// <param name="asked">What the caller asked about: upstream names the missing node as if it were one of these.</param>
    /// <exception cref="StatusException">404: no such node. 500: it has no address.</exception>
    public (string Host, int Port) Find(string node, GroupResource asked)
    {
        if (reader.Find(new("", "nodes"), new("", node)) is not { } found) throw StatusErrors.NotFound(asked, node);
        var status = found.ToTree()["status"] as JsonObject;
        var addresses = (status?["addresses"] as JsonArray ?? []).OfType<JsonObject>().ToList();
        var port = (int?)status?["daemonEndpoints"]?["kubeletEndpoint"]?["Port"] ?? 10250;
        foreach (var type in AddressTypes)
            if (addresses.FirstOrDefault(a => (string?)a["type"] == type) is { } address) return ((string)address["address"]!, port);
        throw StatusErrors.Internal($"no preferred addresses found; known addresses: [{string.Join(" ", addresses.Select(a => $"{a["type"]}:{a["address"]}"))}]");
    }

    /// <summary>An address as the host of a URL.</summary>
    public static string UrlHost(string host) => IPAddress.TryParse(host, out var ip) && ip.AddressFamily == System.Net.Sockets.AddressFamily.InterNetworkV6 ? $"[{host}]" : host;
}
