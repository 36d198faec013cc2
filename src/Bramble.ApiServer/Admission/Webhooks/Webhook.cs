using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Admission.Policies;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Webhooks;

/// <summary>One webhook of a configuration: whom to call, when, and what its failure means.</summary>
/// <param name="Tree">The webhook as configured; its defaults are set.</param>
/// <param name="Authorizer">Answers what matchConditions ask.</param>
internal sealed record Webhook(JsonObject Tree, IAuthorizer? Authorizer = null)
{
    private static readonly GroupResource Namespaces = new("", "namespaces");

    public string Name => Tree.Text("name");
    public bool IgnoresFailure => Tree.Text("failurePolicy") == "Ignore";
    public bool MayBeReinvoked => Tree.Text("reinvocationPolicy") == "IfNeeded";
    public TimeSpan Timeout => TimeSpan.FromSeconds(Tree.LongOrNull("timeoutSeconds") ?? 10);

    /// <summary>A dry run must leave no trace anywhere.</summary>
    public bool SupportsDryRun => Tree.Text("sideEffects") is "None" or "NoneOnDryRun";

    private readonly Lazy<MatchConditions> _conditions = new(() => new MatchConditions(Tree, hasParams: false));

    /// <summary>Rules, selectors and matchConditions fit.</summary>
    /// <returns>The request as this webhook wants to see it; null: it is not concerned.</returns>
    /// <exception cref="StatusException">A condition cannot be evaluated, and failurePolicy is Fail.</exception>
    public AdmissionRequest? Match(AdmissionRequest request) =>
        EquivalentResources.Find(Tree, "rules", Tree.Text("matchPolicy") == "Exact", request, MatchesRule) is { } seen && MatchesSelectors(request) && MatchesConditions(seen) ? seen : null;

    private bool MatchesConditions(AdmissionRequest request)
    {
        if (_conditions.Value.IsEmpty || _conditions.Value.Match(ExpressionVariables.Of(request, null, Authorizer), out var error)) return true;
        return error is null || IgnoresFailure ? false : throw request.Forbidden(error);
    }

    /// <summary>The selectors fit.</summary>
    public bool MatchesSelectors(AdmissionRequest request) => MatchesNamespace(request) && MatchesObject(request);

    internal static bool MatchesRule(JsonObject rule, AdmissionRequest request)
    {
        var isClusterScoped = request.Namespace.Length == 0 || request.Resource == Namespaces;
        return rule.Text("scope") switch { "Namespaced" => !isClusterScoped, "Cluster" => isClusterScoped, _ => true }
            && Has(rule, "operations", request.Operation.ToString().ToUpperInvariant())
            && Has(rule, "apiGroups", request.Resource.Group)
            && Has(rule, "apiVersions", request.Version)
            && rule.Texts("resources").Any(resource => Names(resource, request));
    }

    private static bool Has(JsonObject rule, string list, string wanted) => rule.Texts(list).Any(value => value == "*" || value == wanted);

    /// <summary><c>pods</c>, <c>pods/status</c>, <c>pods/*</c>, <c>*/scale</c>, <c>*</c> (no subresources), <c>*/*</c>.</summary>
    private static bool Names(string resource, AdmissionRequest request)
    {
        var slash = resource.IndexOf('/');
        var (name, subresource) = slash < 0 ? (resource, "") : (resource[..slash], resource[(slash + 1)..]);
        return (name == "*" || name == request.Resource.Resource) && (subresource == "*" || subresource == request.Subresource);
    }

    private bool MatchesNamespace(AdmissionRequest request)
    {
        if (Tree.Object("namespaceSelector") is not { Count: > 0 } selector) return true;
        if (request.Resource == Namespaces && request.Subresource.Length == 0 && request.Object is { } own) return LabelSelector.FromObject(selector).Matches(own);
        if (request.Namespace.Length == 0) return true;
        return request.Reader.Find(Namespaces, new("", request.Namespace)) is not { } ns || LabelSelector.FromObject(selector).Matches(ns.ToTree());
    }

    private bool MatchesObject(AdmissionRequest request)
    {
        if (Tree.Object("objectSelector") is not { Count: > 0 } tree) return true;
        var selector = LabelSelector.FromObject(tree);
        return (request.Object is { } obj && selector.Matches(obj)) || (request.OldObject is { } old && selector.Matches(old));
    }
}
