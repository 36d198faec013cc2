using System.Globalization;
using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.Client.GatewayApi;

/// <summary>Another object that one names. <c>Namespace</c> null: the same.</summary>
public sealed record ObjectReference(string Group, string Kind, string? Namespace, string Name, int? Port = null)
{
    public static ObjectReference Read(JsonNode? reference, string kind) => new(
        Fields.Text(reference?["group"]) ?? "", Fields.Text(reference?["kind"]) ?? kind, Fields.Text(reference?["namespace"]), Fields.Text(reference?["name"]) ?? "", Fields.Number(reference?["port"]));
}

/// <summary>A GatewayClass, as far as the proxy reads it.</summary>
public sealed record GatewayClass(string Name, string Controller, long Generation)
{
    /// <summary>What Traefik calls itself in <c>spec.controllerName</c>; K3s' class has it.</summary>
    public const string OwnController = "traefik.io/gateway-controller";

    /// <summary>The class that a cluster has from the start.</summary>
    public const string OwnName = "traefik";

    public bool IsServed => Controller == OwnController;

    public static GatewayClass Read(KubeObject @object)
    {
        var tree = @object.ToTree();
        return new(@object.Name.Name, Fields.Text(tree["spec"]?["controllerName"]) ?? "", Fields.Generation(tree));
    }
}

/// <summary>Which routes may attach to a listener.</summary>
/// <param name="From"><c>Same</c>, <c>All</c> or <c>Selector</c>.</param>
/// <param name="Kinds">Empty: all that fit the protocol.</param>
public sealed record AllowedRoutes(string From, JsonObject? Selector, IReadOnlyList<ObjectReference> Kinds);

/// <summary>A port, protocol and host name of a Gateway.</summary>
/// <param name="TlsMode">Null: no tls at all.</param>
public sealed record GatewayListener(string Name, string? Hostname, int Port, string Protocol, string? TlsMode, IReadOnlyList<ObjectReference> Certificates, AllowedRoutes Allowed);

/// <summary>A Gateway, as far as the proxy reads it.</summary>
public sealed record Gateway(NamespacedName Name, string ClassName, long Generation, DateTime CreatedAt, IReadOnlyList<GatewayListener> Listeners)
{
    public static Gateway Read(KubeObject @object)
    {
        var tree = @object.ToTree();
        return new(@object.Name, Fields.Text(tree["spec"]?["gatewayClassName"]) ?? "", Fields.Generation(tree), Fields.CreatedAt(tree),
            [.. Fields.Objects(tree["spec"]?["listeners"]).Select(ReadListener)]);
    }

    private static GatewayListener ReadListener(JsonObject listener)
    {
        var tls = listener["tls"] as JsonObject;
        var allowed = listener["allowedRoutes"];
        return new(
            Fields.Text(listener["name"]) ?? "", Fields.Text(listener["hostname"]), Fields.Number(listener["port"]) ?? 0, Fields.Text(listener["protocol"]) ?? "",
            tls is null ? null : Fields.Text(tls["mode"]) ?? "Terminate",
            [.. Fields.Objects(tls?["certificateRefs"]).Select(r => ObjectReference.Read(r, "Secret"))],
            new(Fields.Text(allowed?["namespaces"]?["from"]) ?? "Same", allowed?["namespaces"]?["selector"] as JsonObject,
                [.. Fields.Objects(allowed?["kinds"]).Select(k => new ObjectReference(Fields.Text(k["group"]) ?? GatewayKinds.Group, Fields.Text(k["kind"]) ?? "", null, ""))]));
    }
}

/// <summary>A ReferenceGrant: who of other namespaces may name what of this one.</summary>
public sealed record ReferenceGrant(string Namespace, IReadOnlyList<ObjectReference> From, IReadOnlyList<ObjectReference> To)
{
    public static ReferenceGrant Read(KubeObject @object)
    {
        var spec = @object.ToTree()["spec"];
        return new(@object.Name.Namespace, [.. Fields.Objects(spec?["from"]).Select(r => ObjectReference.Read(r, ""))], [.. Fields.Objects(spec?["to"]).Select(r => ObjectReference.Read(r, ""))]);
    }

    /// <summary>Whether an object of <paramref name="kind"/> in <paramref name="ns"/> may name <paramref name="target"/>: freely in its own namespace, else by a grant in the target's.</summary>
    /// <param name="kind">Of group gateway.networking.k8s.io.</param>
    public static bool Allows(IEnumerable<ReferenceGrant> grants, string kind, string ns, ObjectReference target)
    {
        if (target.Namespace is not { } there || there == ns) return true;
        return grants.Any(grant => grant.Namespace == there
            && grant.From.Any(from => from.Group == GatewayKinds.Group && from.Kind == kind && from.Namespace == ns)
            && grant.To.Any(to => to.Group == target.Group && to.Kind == target.Kind && (to.Name.Length == 0 || to.Name == target.Name)));
    }
}

/// <summary>Reads of trees that a structural schema has checked.</summary>
public static class Fields
{
    public static string? Text(JsonNode? node) => node is JsonValue value && value.TryGetValue<string>(out var text) ? text : null;

    public static int? Number(JsonNode? node) => node is JsonValue value && value.TryGetValue<int>(out var number) ? number : null;

    public static IEnumerable<JsonObject> Objects(JsonNode? list) => list is JsonArray array ? array.OfType<JsonObject>() : [];

    public static long Generation(JsonObject tree) => Number(tree["metadata"]?["generation"]) ?? 0;

    public static DateTime CreatedAt(JsonObject tree) =>
        DateTime.TryParse(Text(tree["metadata"]?["creationTimestamp"]), CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal, out var at) ? at : default;
}
