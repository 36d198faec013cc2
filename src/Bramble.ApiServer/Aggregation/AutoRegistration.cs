using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.ApiServer.CustomResources;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Aggregation;

/// <summary>APIServices of the group versions that CustomResourceDefinitions make: <c>kubectl get apiservices</c> shows them as Local. Pure.</summary>
internal static class AutoRegistration
{
    private const string Managed = "kube-aggregator.kubernetes.io/automanaged";

    /// <returns>The objects to create, and the names of those whose group version is not served any more.</returns>
    public static (List<JsonObject> Create, List<string> Delete) Decide(IEnumerable<Definition> definitions, IReadOnlyCollection<KubeObject> apiServices)
    {
        var wanted = new SortedDictionary<string, GroupVersion>(StringComparer.Ordinal);
        foreach (var definition in definitions)
        {
            if (definition.IsBeingDeleted || !definition.IsEstablished) continue;
            foreach (var (_, version) in definition.Tree.Object("spec").Items("versions"))
                if (version.Bool("served")) wanted[$"{version.Text("name")}.{definition.Group}"] = new(definition.Group, version.Text("name"));
        }

        var there = apiServices.Select(service => service.Name.Name).ToHashSet(StringComparer.Ordinal);
        return (
            [.. wanted.Where(service => !there.Contains(service.Key)).Select(service => New(service.Key, service.Value))],
            [.. apiServices.Where(service => !wanted.ContainsKey(service.Name.Name) && service.ToTree().Labels().Text(Managed) == "true").Select(service => service.Name.Name)]);
    }

    private static JsonObject New(string name, GroupVersion version) => new()
    {
        ["apiVersion"] = "apiregistration.k8s.io/v1",
        ["kind"] = "APIService",
        ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { [Managed] = "true" } },
        ["spec"] = new JsonObject { ["group"] = version.Group, ["version"] = version.Version, ["groupPriorityMinimum"] = 1000, ["versionPriority"] = 100 },
    };
}
