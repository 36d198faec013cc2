using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>POST selfsubjectrulesreviews: what may I do in this namespace? (<c>kubectl auth can-i --list</c>)</summary>
internal sealed class SelfSubjectRulesReviewEndpoint(RbacAuthorizer rbac) : VirtualEndpoint(new("authorization.k8s.io", "selfsubjectrulesreviews"))
{
    private static readonly PolicyRule[] EverythingForSuperusers =
    [
        new(["*"], ["*"], ["*"], [], []),
        new(["*"], [], [], [], ["*"]),
    ];

    protected override ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        var ns = body.Object("spec").Text("namespace");
        if (ns.Length == 0) throw StatusErrors.BadRequest("no namespace on request");
        var (rules, errors) = rbac.RulesOf(request.User, ns);
        if (request.User.Groups.Contains("system:masters")) rules = [.. EverythingForSuperusers, .. rules];
        // What a node may read depends on its pods and cannot be listed.
        var isNode = NodeName.Of(request.User) is not null;
        if (isNode) errors = ["node authorizer does not support user rule resolution", .. errors];

        var (resources, paths) = (new JsonArray(), new JsonArray());
        foreach (var rule in rules)
        {
            if (rule.Resources.Count > 0) resources.Add((JsonNode)(rule with { NonResourceUrls = [] }).ToTree());
            if (rule.NonResourceUrls.Count > 0) paths.Add((JsonNode)(rule with { ApiGroups = [], Resources = [], ResourceNames = [] }).ToTree());
        }
        var status = new JsonObject { ["resourceRules"] = resources, ["nonResourceRules"] = paths, ["incomplete"] = isNode };
        if (errors.Count > 0) status["evaluationError"] = errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]";
        return new(new JsonObject
        {
            ["kind"] = "SelfSubjectRulesReview",
            ["apiVersion"] = "authorization.k8s.io/v1",
            ["metadata"] = new JsonObject(),
            ["spec"] = new JsonObject(),
            ["status"] = status,
        });
    }
}
