using System.Text.Json.Nodes;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Admission;

/// <summary>What CEL expressions of admission see of a write: object, oldObject, request, params, namespaceObject.</summary>
internal static class ExpressionVariables
{
    private static readonly GroupResource Namespaces = new("", "namespaces");

    /// <param name="parameters">What a binding gives as <c>params</c>; null: nothing.</param>
    public static Dictionary<string, object?> Of(AdmissionRequest request, JsonObject? parameters)
    {
        var user = request.User;
        var asked = new JsonObject
        {
            ["kind"] = new JsonObject { ["group"] = request.Kind.Group, ["version"] = request.Kind.Version, ["kind"] = request.Kind.Kind },
            ["resource"] = new JsonObject { ["group"] = request.Resource.Group, ["version"] = request.Version, ["resource"] = request.Resource.Resource },
            ["subResource"] = request.Subresource,
            ["name"] = request.Name,
            ["namespace"] = request.Namespace,
            ["operation"] = request.Operation.ToString().ToUpperInvariant(),
            ["dryRun"] = request.IsDryRun,
            ["userInfo"] = new JsonObject { ["username"] = user.Name, ["uid"] = user.Uid, ["groups"] = new JsonArray([.. user.Groups.Select(g => (JsonNode)g)]) },
        };
        if (request.Options is { } options) asked["options"] = options.DeepClone();
        return new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["object"] = request.Object,
            ["oldObject"] = request.OldObject,
            ["request"] = asked,
            ["params"] = parameters,
            ["namespaceObject"] = request.Namespace.Length > 0 ? request.Reader.Find(Namespaces, new("", request.Namespace))?.ToTree() : null,
        };
    }
}
