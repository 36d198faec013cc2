using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Nobody grants what he does not hold: a role's rules, and those of the role a binding names, must be covered by the writer's own, unless he may
/// <c>escalate</c> the role or <c>bind</c> it. (Upstream does this in the storage of roles; here it is the last of the mutating plugins, at the same place of a write.)</summary>
internal sealed class RbacEscalation(IAuthorizer authorizer, RbacAuthorizer rbac) : IAdmissionPlugin
{
    private const string Group = "rbac.authorization.k8s.io";

    private static readonly PolicyRule[] Everything = [new(["*"], ["*"], ["*"], [], []), new(["*"], [], [], [], ["*"])];

    public string Name => "RBACEscalation";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && request.IsCreateOrUpdate() && request.Resource.Group == Group && !request.User.Groups.Contains("system:masters");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (request.Operation == AdmissionOperation.Update && OnlyForGarbageCollection(request.Object!, request.OldObject!)) return default;
        if (request.Resource.Resource is "roles" or "clusterroles") CheckRole(request);
        else if (request.Resource.Resource is "rolebindings" or "clusterrolebindings") CheckBinding(request);
        return default;
    }

    private void CheckRole(AdmissionRequest request)
    {
        var name = request.Operation == AdmissionOperation.Create ? "" : request.Name;
        if (Asks(request, "escalate", request.Resource.Resource, name)) return;
        Confirm(request, PolicyRule.ReadAll(request.Object!["rules"]));
        // Whoever writes an aggregation rule gets whatever it selects.
        if (request.Resource.Resource != "clusterroles" || (!Aggregates(request.Object) && !Aggregates(request.OldObject))) return;
        var held = rbac.RulesOf(request.User, "").Rules;
        if (PolicyRule.Missing(held, Everything).Count > 0) throw StatusErrors.Forbidden(request.Resource, request.Object!.ObjectName(), "must have cluster-admin privileges to use the aggregationRule");
    }

    private static bool Aggregates(JsonObject? role) => role.Object("aggregationRule").Count("clusterRoleSelectors") > 0;

    private void CheckBinding(AdmissionRequest request)
    {
        var role = request.Object.Object("roleRef");
        var (kind, name) = (role.Text("kind"), role.Text("name"));
        if (kind is "Role" or "ClusterRole" && Asks(request, "bind", kind == "Role" ? "roles" : "clusterroles", name)) return;
        // Upstream's lookup names the resource of the request, not the role's.
        if (rbac.RulesOfRole(kind, name, request.Namespace) is not { } rules) throw StatusErrors.NotFound(request.Resource, name);
        Confirm(request, rules);
    }

    private bool Asks(AdmissionRequest request, string verb, string resource, string name) =>
        authorizer.Authorize(new AccessAttributes(request.User, verb, Group, "*", resource, "", request.Namespace, name, true, "")).Decision == AccessDecision.Allow;

    private void Confirm(AdmissionRequest request, IReadOnlyList<PolicyRule> wanted)
    {
        var (held, errors) = rbac.RulesOf(request.User, request.Namespace);
        var missing = PolicyRule.Missing(held, wanted);
        if (missing.Count == 0) return;
        var lines = PolicyRule.Compact(missing).Select(rule => rule.ToString()).Distinct().Order(StringComparer.Ordinal);
        var groups = string.Join(' ', request.User.Groups.Select(FieldError.Quote));
        var why = $"user {FieldError.Quote(request.User.Name)} (groups=[{groups}]) is attempting to grant RBAC permissions not currently held:\n{string.Join('\n', lines)}";
        if (errors.Count > 0) why += $"; resolution errors: [{(errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]")}]";
        throw StatusErrors.Forbidden(request.Resource, request.Object!.ObjectName(), why);
    }

    /// <summary>The garbage collector takes away owners and finalizers without holding the rules.</summary>
    private static bool OnlyForGarbageCollection(JsonObject obj, JsonObject old)
    {
        var (mine, theirs) = (Stripped(obj), Stripped(old));
        return (obj.Object("metadata").Differs(old.Object("metadata"), "ownerReferences") || obj.Object("metadata").Differs(old.Object("metadata"), "finalizers")) && TreeEquality.Same(mine, theirs);
    }

    private static JsonObject Stripped(JsonObject obj)
    {
        var copy = (JsonObject)obj.DeepClone();
        var metadata = copy.Object("metadata");
        foreach (var field in (ReadOnlySpan<string>)["ownerReferences", "finalizers", "managedFields", "resourceVersion", "generation"]) metadata?.Remove(field);
        return copy;
    }
}
