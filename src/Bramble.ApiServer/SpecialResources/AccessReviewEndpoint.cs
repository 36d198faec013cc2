using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>Whose access a review asks about.</summary>
internal enum AccessReviewScope { AnySubject, OwnSubject, AnySubjectInNamespace }

/// <summary>POST subjectaccessreviews, selfsubjectaccessreviews and localsubjectaccessreviews: may this user do that? (<c>kubectl auth can-i</c>)</summary>
internal sealed class AccessReviewEndpoint(AccessReviewScope scope, IAuthorizer authorizer) : VirtualEndpoint(new(Group, ResourceOf(scope)))
{
    private const string Group = "authorization.k8s.io";

    private static string ResourceOf(AccessReviewScope scope) => scope switch
    {
        AccessReviewScope.OwnSubject => "selfsubjectaccessreviews",
        AccessReviewScope.AnySubjectInNamespace => "localsubjectaccessreviews",
        _ => "subjectaccessreviews",
    };

    protected override ValueTask<JsonObject> CreateAsync(SpecialRequest request, JsonObject body, CancellationToken cancel)
    {
        var errors = AccessReviewRules.Validate(scope, body);
        // Upstream names no kind here.
        if (errors.Count > 0) throw StatusErrors.Invalid(new GroupVersionKind(Group, "v1", ""), "", errors);
        if (scope == AccessReviewScope.AnySubjectInNamespace && body.ObjectNamespace() != request.Info.Namespace)
            throw StatusErrors.BadRequest($"spec.resourceAttributes.namespace must match namespace: {request.Info.Namespace}");

        var spec = body.Object("spec") ?? [];
        var user = scope == AccessReviewScope.OwnSubject ? request.User : new UserInfo(spec.Text("user"), [.. spec.Texts("groups")], spec.Text("uid"), ExtraOf(spec));
        var selectors = new ReviewedSelectors(spec.Object("resourceAttributes"));
        var answer = authorizer.Authorize(AttributesOf(spec, user, selectors));
        var status = new JsonObject { ["allowed"] = answer.Decision == AccessDecision.Allow };
        if (answer.Decision == AccessDecision.Deny) status["denied"] = true;
        if (answer.Reason.Length > 0) status["reason"] = answer.Reason;
        List<string> evaluation = answer.EvaluationError is { } error ? [error, .. selectors.Errors] : selectors.Errors;
        if (evaluation.Count > 0) status["evaluationError"] = string.Join("; ", evaluation);
        body["status"] = status;
        return new(body);
    }

    private static AccessAttributes AttributesOf(JsonObject spec, UserInfo user, ReviewedSelectors selectors)
    {
        if (spec.Object("nonResourceAttributes") is { } path) return new AccessAttributes(user, path.Text("verb"), "", "", "", "", "", "", false, path.Text("path"));
        var resource = spec.Object("resourceAttributes");
        var version = resource.Text("version");
        return new AccessAttributes(
            user, resource.Text("verb"), resource.Text("group"), version.Length == 0 ? "*" : version, resource.Text("resource"), resource.Text("subresource"), resource.Text("namespace"), resource.Text("name"), true, "")
        {
            FieldSelector = selectors.Fields,
            LabelSelector = selectors.Labels,
        };
    }

    private static Dictionary<string, IReadOnlyList<string>>? ExtraOf(JsonObject spec) =>
        spec.Object("extra") is { Count: > 0 } extra ? extra.ToDictionary(e => e.Key, e => (IReadOnlyList<string>)[.. extra.Texts(e.Key)], StringComparer.Ordinal) : null;
}
