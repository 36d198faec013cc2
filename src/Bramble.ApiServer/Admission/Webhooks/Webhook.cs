using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Webhooks;

/// <summary>One webhook of a configuration: whom to call, when, and what its failure means.</summary>
/// <param name="Tree">The webhook as configured; its defaults are set.</param>
internal sealed record Webhook(JsonObject Tree)
{
    private static readonly GroupResource Namespaces = new("", "namespaces");

    public string Name => Tree.Text("name");
    public bool IgnoresFailure => Tree.Text("failurePolicy") == "Ignore";
    public bool MayBeReinvoked => Tree.Text("reinvocationPolicy") == "IfNeeded";
    public TimeSpan Timeout => TimeSpan.FromSeconds(Tree.LongOrNull("timeoutSeconds") ?? 10);

    /// <summary>A dry run must leave no trace anywhere.</summary>
    public bool SupportsDryRun => Tree.Text("sideEffects") is "None" or "NoneOnDryRun";

    private readonly Lazy<IReadOnlyList<CelProgram?>> _conditions = new(() => [.. (Tree.Array("matchConditions") ?? []).Select(c => Compile((c as JsonObject).Text("expression")))]);

    /// <summary>Rules, selectors and matchConditions fit.</summary>
    /// <exception cref="StatusException">A condition cannot be evaluated, and failurePolicy is Fail.</exception>
    public bool Matches(AdmissionRequest request) => MatchesRules(request) && MatchesNamespace(request) && MatchesObject(request) && MatchesConditions(request);

    /// <summary>A condition that is false decides, whatever became of the others. One with a function this server does not have is left out: the webhook is
    /// then asked more often than it wants, never less.</summary>
    private bool MatchesConditions(AdmissionRequest request)
    {
        if (_conditions.Value.Count == 0) return true;
        var variables = ExpressionVariables.Of(request, null);
        List<string> failures = [];
        foreach (var (index, tree) in Tree.Items("matchConditions"))
            try
            {
                if (_conditions.Value[index] is { } condition && condition.Evaluate(variables) is not true) return false;
            }
            catch (CelException e)
            {
                failures.Add($"expression '{tree.Text("expression")}' resulted in error: {e.Message}");
            }
        if (failures.Count == 0) return true;
        if (IgnoresFailure) return false;
        throw StatusErrors.Forbidden(request.Resource, request.Name, failures.Count == 1 ? failures[0] : $"[{string.Join(", ", failures.Distinct())}]");
    }

    private static CelProgram? Compile(string text)
    {
        try
        {
            return CelProgram.Compile(text);
        }
        catch (CelSyntaxException)
        {
            return null;
        }
    }

    /// <summary>The selectors fit.</summary>
    public bool MatchesSelectors(AdmissionRequest request) => MatchesNamespace(request) && MatchesObject(request);

    private bool MatchesRules(AdmissionRequest request)
    {
        foreach (var (_, rule) in Tree.Items("rules"))
            if (MatchesRule(rule, request)) return true;
        return false;
    }

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
