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
        var answer = authorizer.Authorize(AttributesOf(spec, user));
        var status = new JsonObject { ["allowed"] = answer.Decision == AccessDecision.Allow };
        if (answer.Decision == AccessDecision.Deny) status["denied"] = true;
        if (answer.Reason.Length > 0) status["reason"] = answer.Reason;
        if (answer.EvaluationError is { } error) status["evaluationError"] = error;
        body["status"] = status;
        return new(body);
    }

    private static AccessAttributes AttributesOf(JsonObject spec, UserInfo user)
    {
        if (spec.Object("nonResourceAttributes") is { } path) return new AccessAttributes(user, path.Text("verb"), "", "", "", "", "", "", false, path.Text("path"));
        var resource = spec.Object("resourceAttributes");
        var version = resource.Text("version");
        return new AccessAttributes(
            user, resource.Text("verb"), resource.Text("group"), version.Length == 0 ? "*" : version, resource.Text("resource"), resource.Text("subresource"), resource.Text("namespace"), resource.Text("name"), true, "")
        {
            FieldSelector = FieldSelectorOf(resource.Object("fieldSelector")),
            LabelSelector = resource.Object("labelSelector").Text("rawSelector"),
        };
    }

    /// <summary>The raw selector, or the requirements that say "equals"; leaving others out asks for more, never for less.</summary>
    private static string FieldSelectorOf(JsonObject? selector)
    {
        if (selector.Text("rawSelector") is { Length: > 0 } raw) return raw;
        List<string> terms = [];
        foreach (var (_, requirement) in selector.Items("requirements"))
            if (requirement.Text("operator") == "In" && requirement.Texts("values").ToList() is [var value]) terms.Add($"{requirement.Text("key")}={value}");
        return string.Join(',', terms);
    }

    private static Dictionary<string, IReadOnlyList<string>>? ExtraOf(JsonObject spec) =>
        spec.Object("extra") is { Count: > 0 } extra ? extra.ToDictionary(e => e.Key, e => (IReadOnlyList<string>)[.. extra.Texts(e.Key)], StringComparer.Ordinal) : null;
}
