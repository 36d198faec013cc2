using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Admission.Policies;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Strategies;

/// <summary>Who writes an admission policy or its binding must be able to read the parameters: messages could tell what is in them. Asked only of a well-formed object;
/// behaviour of the authz.go of each policy kind in pkg/registry/admissionregistration.</summary>
internal static class ParameterAccess
{
    public static void CheckPolicy(JsonObject policy, JsonObject? old, FieldErrors errors, StrategyContext context)
    {
        if (errors.Count > 0 || policy.Object("spec").Object("paramKind") is not { } kind || !IsAsked(context)) return;
        if (old is not null && TreeEquality.Same(old.Object("spec").Object("paramKind"), kind)) return;
        var resource = Resource(kind, context);
        if (Allows(context, "get", resource, "*", "*")) return;
        errors.Forbidden(
            FieldPath.Spec.Child("paramKind"),
            $"user {context.User.Show()} must have \"get\" permission on all objects of the referenced paramKind (kind={kind.Text("kind")}, apiVersion={kind.Text("apiVersion")})");
    }

    /// <summary>An update is asked too, also when it changes nothing: upstream compares pointers.</summary>
    public static void CheckBinding(JsonObject binding, bool isMutating, FieldErrors errors, StrategyContext context)
    {
        var spec = binding.Object("spec");
        if (errors.Count > 0 || spec.Object("paramRef") is not { } reference || !IsAsked(context)) return;
        var (name, policyName) = (reference.Text("name"), spec.Text("policyName"));
        var verb = name.Length == 0 ? "list" : "get";
        var policies = new GroupResource("admissionregistration.k8s.io", isMutating ? "mutatingadmissionpolicies" : "validatingadmissionpolicies");
        var policy = context.Reader.Find(policies, new("", policyName))?.ToTree();
        var kind = policy.Object("spec").Object("paramKind");
        var resource = Resource(kind, context);
        if (Allows(context, verb, resource, reference.Text("namespace"), name)) return;
        var who = context.User.Show();
        var everything = $"to determine minimum required permissions and user {who} does not have \"{verb}\" permission for all groups, versions and resources";
        var why = policy is null ? $"unable to get policy {policyName} {everything}"
            : kind is not null && resource.Resource == "*" ? $"unable to resolve paramKind &{{{kind.Text("apiVersion")} {kind.Text("kind")}}} {everything}"
            // Upstream takes verb and user for each other here.
            : isMutating ? $"user {verb} does not have \"{who}\" permission on the object referenced by paramRef"
            : $"user {who} does not have \"{verb}\" permission on the object referenced by paramRef";
        errors.Forbidden(FieldPath.Spec.Child("paramRef"), why);
    }

    private static bool IsAsked(StrategyContext context) => context.Authorizer is not null && !context.User.Groups.Contains("system:masters");

    /// <summary>All of them where the kind is not known.</summary>
    private static (string Group, string Version, string Resource) Resource(JsonObject? kind, StrategyContext context) =>
        kind is null || !GroupVersion.TryParse(kind.Text("apiVersion"), out var version) ? ("*", "*", "*")
        : (version.Group, version.Version, PolicyBinding.ResourceOf(version.Group, kind.Text("kind"), context.Reader)?.Resource.Resource ?? "*");

    private static bool Allows(StrategyContext context, string verb, (string Group, string Version, string Resource) what, string ns, string name) =>
        context.Authorizer!.Authorize(new AccessAttributes(context.User, verb, what.Group, what.Version, what.Resource, "", ns, name, true, "")).Decision == AccessDecision.Allow;
}
