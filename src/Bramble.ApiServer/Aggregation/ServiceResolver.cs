using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Aggregation;

/// <summary>Where a Service of the cluster leads: to one of its ready endpoints. The server need not be in the pod network's service proxy to find it
/// (upstream's --enable-aggregator-routing). Pure but for the choice among equals.</summary>
internal static class ServiceResolver
{
    private static readonly GroupResource Services = new("", "services");
    private static readonly GroupResource Slices = new("discovery.k8s.io", "endpointslices");

    public static JsonObject? Find(IResourceReader reader, NamespacedName service) => reader.Find(Services, service)?.ToTree();

    public static List<JsonObject> SlicesOf(IResourceReader reader, NamespacedName service) =>
        [.. reader.List(Slices, service.Namespace).Select(slice => slice.ToTree()).Where(slice => slice.Labels().Text("kubernetes.io/service-name") == service.Name)];

    /// <summary>Name of the Service's port with a number; null: it has none.</summary>
    public static string? PortName(JsonObject service, int port)
    {
        foreach (var (_, item) in service.Object("spec").Items("ports"))
            if (item.Long("port") == port) return item.Text("name");
        return null;
    }

    /// <summary>The ready endpoints of a port, those of the Service's first address family first.</summary>
    public static IEnumerable<(string Host, int Port)> Endpoints(JsonObject service, string portName, IReadOnlyList<JsonObject> slices)
    {
        var family = service.Object("spec").Texts("ipFamilies").FirstOrDefault() ?? "";
        foreach (var slice in slices.OrderBy(slice => slice.Text("addressType") == family ? 0 : 1))
        {
            foreach (var (_, port) in slice.Items("ports"))
            {
                if (port.Text("name") != portName || port.LongOrNull("port") is not { } number) continue;
                foreach (var (_, endpoint) in slice.Items("endpoints"))
                    if ((endpoint.Object("conditions").BoolOrNull("ready") ?? true) && endpoint.Texts("addresses").FirstOrDefault() is { } address) yield return (address, (int)number);
            }
        }
    }

    /// <summary>One of the places that answer; null: none does.</summary>
    public static (string Host, int Port)? Resolve(IResourceReader reader, RemoteService remote)
    {
        if (Find(reader, remote.Service) is not { } service) return null;
        if (service.Text("spec", "type") == "ExternalName") return (service.Text("spec", "externalName"), remote.Port);
        if (PortName(service, remote.Port) is not { } port) return null;
        var places = Endpoints(service, port, SlicesOf(reader, remote.Service)).ToList();
        return places.Count == 0 ? null : places[Random.Shared.Next(places.Count)];
    }
}
