using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>What CEL expressions of admission see of a write: object, oldObject, request, params, namespaceObject, authorizer. What the request does not have is not there, as upstream leaves out what is empty.</summary>
internal static class ExpressionVariables
{
    private static readonly GroupResource Namespaces = new("", "namespaces");

    /// <param name="parameters">What a binding gives as <c>params</c>; null: nothing.</param>
    /// <param name="authorizer">Answers <c>authorizer</c>; null: the expression has none.</param>
    public static Dictionary<string, object?> Of(AdmissionRequest request, JsonObject? parameters, IAuthorizer? authorizer)
    {
        var variables = new Dictionary<string, object?>(StringComparer.Ordinal)
        {
            ["object"] = request.Object,
            ["oldObject"] = request.OldObject,
            ["request"] = Asked(request),
            ["params"] = parameters,
            ["namespaceObject"] = NamespaceObject(request),
        };
        if (authorizer is null) return variables;
        var ask = Ask(authorizer, request);
        variables["authorizer"] = CelProgram.Authorizer(ask);
        variables["authorizer.requestResource"] = CelProgram.Authorizer(
            ask,
            new CelAccess { Group = request.Resource.Group, Resource = request.Resource.Resource, Subresource = request.Subresource, Namespace = request.Namespace, Name = request.Name });
        return variables;
    }

    private static JsonObject Asked(AdmissionRequest request)
    {
        var original = request.Asked ?? request;
        var asked = new JsonObject { ["kind"] = KindOf(request), ["resource"] = ResourceOf(request), ["requestKind"] = KindOf(original), ["requestResource"] = ResourceOf(original) };
        foreach (var (field, value) in (ReadOnlySpan<(string, string)>)
            [("subResource", request.Subresource), ("requestSubResource", request.Subresource), ("name", request.Name), ("namespace", request.Namespace)])
            if (value.Length > 0) asked[field] = value;
        asked["operation"] = request.Operation.ToString().ToUpperInvariant();
        asked["dryRun"] = request.IsDryRun;
        asked["options"] = request.Options?.DeepClone();
        var user = new JsonObject();
        if (request.User.Name.Length > 0) user["username"] = request.User.Name;
        if (request.User.Uid.Length > 0) user["uid"] = request.User.Uid;
        if (request.User.Groups.Count > 0) user["groups"] = new JsonArray([.. request.User.Groups.Select(g => (JsonNode)g)]);
        if (request.User.Extra is { Count: > 0 } extra)
            user["extra"] = new JsonObject(extra.Select(e => KeyValuePair.Create(e.Key, (JsonNode?)new JsonArray([.. e.Value.Select(v => (JsonNode)v)]))));
        asked["userInfo"] = user;
        return asked;
    }

    /// <summary>As reviews and expressions show a kind.</summary>
    public static JsonObject KindOf(AdmissionRequest request) => new() { ["group"] = request.Kind.Group, ["version"] = request.Kind.Version, ["kind"] = request.Kind.Kind };

    public static JsonObject ResourceOf(AdmissionRequest request) => new() { ["group"] = request.Resource.Group, ["version"] = request.Version, ["resource"] = request.Resource.Resource };

    private static JsonObject? NamespaceObject(AdmissionRequest request)
    {
        if (request.Namespace.Length == 0 || request.Resource == Namespaces || request.Reader.Find(Namespaces, new("", request.Namespace))?.ToTree() is not { } ns) return null;
        var metadata = ns.Object("metadata") ?? [];
        foreach (var field in (ReadOnlySpan<string>)["managedFields", "ownerReferences", "selfLink"]) metadata.Remove(field);
        return ns;
    }

    private static Func<CelAccess, CelAccessAnswer> Ask(IAuthorizer authorizer, AdmissionRequest request) => access =>
    {
        var user = access.ServiceAccount is var (ns, name) ? Authentication.UserInfo.ServiceAccount(ns, name) : request.User;
        var attributes = access.Path.Length > 0
            ? new AccessAttributes(user, access.Verb, "", "", "", "", "", "", false, access.Path)
            : new AccessAttributes(user, access.Verb, access.Group, "*", access.Resource, access.Subresource, access.Namespace, access.Name, true, "")
            {
                FieldSelector = access.FieldSelector,
                LabelSelector = access.LabelSelector,
            };
        var answer = authorizer.Authorize(attributes);
        return new CelAccessAnswer(answer.Decision == AccessDecision.Allow, answer.Reason, answer.EvaluationError);
    };
}
