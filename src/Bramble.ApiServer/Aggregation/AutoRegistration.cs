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

    /// <returns>The objects to create, those that somebody changed as they should be, and the names of those whose group version no definition has any more.</returns>
    public static (List<JsonObject> Create, List<JsonObject> Update, List<string> Delete) Decide(IEnumerable<Definition> definitions, IReadOnlyCollection<KubeObject> apiServices)
    {
        var wanted = new SortedDictionary<string, GroupVersion>(StringComparer.Ordinal);
        foreach (var definition in definitions)
        {
            foreach (var (_, version) in definition.Tree.Object("spec").Items("versions"))
                if (version.Bool("served")) wanted[$"{version.Text("name")}.{definition.Group}"] = new(definition.Group, version.Text("name"));
        }

        var (there, update, delete) = (new HashSet<string>(StringComparer.Ordinal), new List<JsonObject>(), new List<string>());
        foreach (var service in apiServices)
        {
            there.Add(service.Name.Name);
            var tree = service.ToTree();
            // What a user registers, or takes the label from, is the user's.
            if (tree.Labels().Text(Managed) != "true") continue;
            if (!wanted.TryGetValue(service.Name.Name, out var version))
            {
                delete.Add(service.Name.Name);
                continue;
            }
            var spec = SpecOf(version);
            if (JsonNode.DeepEquals(tree.Object("spec"), spec)) continue;
            tree["spec"] = spec;
            update.Add(tree);
        }
        return ([.. wanted.Where(service => !there.Contains(service.Key)).Select(service => New(service.Key, service.Value))], update, delete);
    }

    private static JsonObject New(string name, GroupVersion version) => new()
    {
        ["apiVersion"] = "apiregistration.k8s.io/v1",
        ["kind"] = "APIService",
        ["metadata"] = new JsonObject { ["name"] = name, ["labels"] = new JsonObject { [Managed] = "true" } },
        ["spec"] = SpecOf(version),
    };

    private static JsonObject SpecOf(GroupVersion version) => new() { ["group"] = version.Group, ["version"] = version.Version, ["groupPriorityMinimum"] = 1000, ["versionPriority"] = 100 };
}
