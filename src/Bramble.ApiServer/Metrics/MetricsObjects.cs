using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;

namespace Bramble.ApiServer.Metrics;

/// <summary>What shows that metrics.k8s.io is served: its APIService, and the role by which those who may view a cluster see its metrics.</summary>
public static class MetricsObjects
{
    private const string ServiceName = $"{MetricsGroup.Version}.{MetricsGroup.Group}";

    public static async Task EnsureAsync(IKubeClient client, CancellationToken cancel)
    {
        await CreateAsync(client, Resources.APIServices, new JsonObject
        {
            ["apiVersion"] = "apiregistration.k8s.io/v1",
            ["kind"] = "APIService",
            ["metadata"] = new JsonObject { ["name"] = ServiceName },
            // Without a service: this server answers itself.
            ["spec"] = new JsonObject { ["group"] = MetricsGroup.Group, ["version"] = MetricsGroup.Version, ["groupPriorityMinimum"] = 100, ["versionPriority"] = 100 },
        }, cancel);
        await CreateAsync(client, Resources.ClusterRoles, new JsonObject
        {
            ["apiVersion"] = "rbac.authorization.k8s.io/v1",
            ["kind"] = "ClusterRole",
            ["metadata"] = new JsonObject
            {
                ["name"] = "system:aggregated-metrics-reader",
                ["labels"] = new JsonObject
                {
                    ["rbac.authorization.k8s.io/aggregate-to-admin"] = "true",
                    ["rbac.authorization.k8s.io/aggregate-to-edit"] = "true",
                    ["rbac.authorization.k8s.io/aggregate-to-view"] = "true",
                },
            },
            ["rules"] = new JsonArray(new JsonObject { ["apiGroups"] = new JsonArray(MetricsGroup.Group), ["resources"] = new JsonArray("pods", "nodes"), ["verbs"] = new JsonArray("get", "list", "watch") }),
        }, cancel);
    }

    private static async Task CreateAsync(IKubeClient client, ResourceId resource, JsonObject body, CancellationToken cancel)
    {
        var name = new NamespacedName("", (string)body["metadata"]!["name"]!);
        if (await client.FindAsync(resource, name, cancel) is not null) return;
        try
        {
            await client.CreateAsync(resource, name, body, null, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            // Another server of the cluster was faster.
        }
    }
}
