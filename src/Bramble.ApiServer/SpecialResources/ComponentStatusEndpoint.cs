using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>GET componentstatuses: deprecated long ago, asked by old tools. All parts live in this process: where it answers, they are healthy.</summary>
internal sealed class ComponentStatusEndpoint : ISpecialEndpoint
{
    private static readonly string[] Components = ["controller-manager", "scheduler", "etcd-0"];

    public GroupResource Resource { get; } = new("", "componentstatuses");
    public string Subresource => "";

    public ValueTask<SpecialAnswer> HandleAsync(SpecialRequest request, CancellationToken cancel)
    {
        // A list has a name too, where its field selector asks for one.
        var name = request.Info.Name;
        if (request.Info.Verb == "get")
        {
            // Upstream's message has the singular.
            if (!Components.Contains(name)) throw StatusErrors.NotFound(new("", "componentstatus"), name);
            return new(new SpecialAnswer(200, Status(name, withKind: true)));
        }

        var items = new JsonArray();
        foreach (var component in Components)
            if (name.Length == 0 || name == component) items.Add((JsonNode)Status(component, withKind: false));
        return new(new SpecialAnswer(200, new JsonObject { ["kind"] = "ComponentStatusList", ["apiVersion"] = "v1", ["metadata"] = new JsonObject(), ["items"] = items }));
    }

    private static JsonObject Status(string name, bool withKind)
    {
        var tree = new JsonObject();
        if (withKind) (tree["kind"], tree["apiVersion"]) = ("ComponentStatus", "v1");
        tree["metadata"] = new JsonObject { ["name"] = name };
        tree["conditions"] = new JsonArray(new JsonObject { ["type"] = "Healthy", ["status"] = "True", ["message"] = "ok" });
        return tree;
    }
}
