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
        if (request.Info.Verb == "get")
        {
            var name = request.Info.Name;
            // Upstream's message has the singular.
            if (!Components.Contains(name)) throw StatusErrors.NotFound(new("", "componentstatus"), name);
            return new(new SpecialAnswer(200, Status(name)));
        }

        var items = new JsonArray();
        foreach (var component in Components) items.Add((JsonNode)Status(component));
        return new(new SpecialAnswer(200, new JsonObject { ["items"] = items }));
    }

    private static JsonObject Status(string name) => new()
    {
        ["kind"] = "ComponentStatus",
        ["apiVersion"] = "v1",
        ["metadata"] = new JsonObject { ["name"] = name },
        ["conditions"] = new JsonArray(new JsonObject { ["type"] = "Healthy", ["status"] = "True", ["message"] = "ok" }),
    };
}
