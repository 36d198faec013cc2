using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.GatewayApi;

namespace Bramble.Network.Ingress.Gateways;

/// <summary>What a route wants to be attached to.</summary>
internal sealed record ParentReference(string Group, string Kind, string? Namespace, string Name, string? Section, int? Port)
{
    public static ParentReference Read(JsonObject reference) => new(
        Fields.Text(reference["group"]) ?? GatewayKinds.Group, Fields.Text(reference["kind"]) ?? "Gateway", Fields.Text(reference["namespace"]),
        Fields.Text(reference["name"]) ?? "", Fields.Text(reference["sectionName"]), Fields.Number(reference["port"]));

    public JsonObject ToTree()
    {
        var tree = new JsonObject { ["group"] = Group, ["kind"] = Kind, ["name"] = Name };
        if (Namespace is not null) tree["namespace"] = Namespace;
        if (Section is not null) tree["sectionName"] = Section;
        if (Port is { } port) tree["port"] = port;
        return tree;
    }
}

/// <summary>A backend and its share.</summary>
internal sealed record BackendReference(ObjectReference Target, int Weight, bool HasFilters);

/// <summary>One rule as it stands; what it means is decided in <see cref="GatewayPlan"/>.</summary>
internal sealed record HttpRouteRule(IReadOnlyList<JsonObject> Matches, IReadOnlyList<JsonObject> Filters, IReadOnlyList<BackendReference> Backends, string? RequestTimeout, string? BackendTimeout);

/// <summary>An HTTPRoute, as far as the proxy reads it.</summary>
internal sealed record HttpRoute(
    NamespacedName Name, long Generation, DateTime CreatedAt, IReadOnlyList<ParentReference> Parents, IReadOnlyList<string> Hostnames, IReadOnlyList<HttpRouteRule> Rules)
{
    public static HttpRoute Read(KubeObject @object)
    {
        var tree = @object.ToTree();
        var spec = tree["spec"];
        return new(
            @object.Name, Fields.Generation(tree), Fields.CreatedAt(tree),
            [.. Fields.Objects(spec?["parentRefs"]).Select(ParentReference.Read)],
            spec?["hostnames"] is JsonArray hosts ? [.. hosts.Select(Fields.Text).OfType<string>()] : [],
            [.. Fields.Objects(spec?["rules"]).Select(ReadRule)]);
    }

    private static HttpRouteRule ReadRule(JsonObject rule) => new(
        [.. Fields.Objects(rule["matches"])], [.. Fields.Objects(rule["filters"])],
        [.. Fields.Objects(rule["backendRefs"]).Select(b => new BackendReference(ObjectReference.Read(b, "Service"), Fields.Number(b["weight"]) ?? 1, b["filters"] is JsonArray { Count: > 0 }))],
        Fields.Text(rule["timeouts"]?["request"]), Fields.Text(rule["timeouts"]?["backendRequest"]));
}
