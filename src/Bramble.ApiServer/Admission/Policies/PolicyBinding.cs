using System.Text.Json.Nodes;
using Bramble.Api.Catalog;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Admission.Webhooks;
using Bramble.ApiServer.Caching;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>A policy's or a binding's configuration does not fit the cluster.</summary>
internal sealed class PolicyConfigurationException(string message) : Exception(message);

/// <summary>What both kinds of admission policies share: what they match, and where their parameters come from. Behaviour of upstream's generic policy plugin.</summary>
internal static class PolicyBinding
{
    private static readonly GroupResource Definitions = new("apiextensions.k8s.io", "customresourcedefinitions");

    /// <summary>The request as a policy's matchConstraints want to see it, or a binding's matchResources; null: they do not fit.</summary>
    public static AdmissionRequest? Match(JsonObject? constraints, AdmissionRequest request, bool needsRules)
    {
        if (constraints is null) return needsRules ? null : request;
        var isExact = constraints.Text("matchPolicy") != "Equivalent";
        if (EquivalentResources.Find(constraints, "excludeResourceRules", isExact, request, RuleFits) is not null) return null;
        var selectors = new Webhook(new JsonObject { ["namespaceSelector"] = constraints.Object("namespaceSelector")?.DeepClone(), ["objectSelector"] = constraints.Object("objectSelector")?.DeepClone() });
        if (!selectors.MatchesSelectors(request)) return null;
        if (constraints.Count("resourceRules") == 0) return needsRules ? null : request;
        return EquivalentResources.Find(constraints, "resourceRules", isExact, request, RuleFits);
    }

    private static bool RuleFits(JsonObject rule, AdmissionRequest request) =>
        Webhook.MatchesRule(rule, request) && (rule.Count("resourceNames") == 0 || rule.Texts("resourceNames").Contains(request.Name));

    /// <summary>The objects a binding gives as <c>params</c>; one null when the policy wants none. None at all: there are none, and that is allowed.</summary>
    /// <exception cref="PolicyConfigurationException">The kind or the objects are not there.</exception>
    public static IEnumerable<JsonObject?> Parameters(JsonObject policySpec, JsonObject bindingSpec, AdmissionRequest request)
    {
        if (policySpec.Object("paramKind") is not { } kind || bindingSpec.Object("paramRef") is not { } reference) return [null];
        GroupVersion.TryParse(kind.Text("apiVersion"), out var version);
        var (resource, isNamespaced) = ResourceOf(version.Group, kind.Text("kind"), request.Reader)!.Value;
        var ns = reference.Text("namespace");
        if (!isNamespaced && ns.Length > 0) throw new PolicyConfigurationException("paramRef.namespace must not be provided for a cluster-scoped `paramKind`");
        if (isNamespaced && ns.Length == 0 && (ns = request.Namespace).Length == 0)
            throw new PolicyConfigurationException("cannot use namespaced paramRef in policy binding that matches cluster-scoped resources");
        List<JsonObject?> found = [];
        if (reference.Text("name") is { Length: > 0 } name)
        {
            if (request.Reader.Find(resource, new(isNamespaced ? ns : "", name)) is { } one) found.Add(one.ToTree());
        }
        else
        {
            var selector = LabelSelector.FromObject(reference.Object("selector"));
            found.AddRange(request.Reader.List(resource, isNamespaced ? ns : "").Select(o => o.ToTree()).Where(o => selector.Matches(o)));
        }
        return found.Count > 0 || reference.Text("parameterNotFoundAction") == "Allow"
            ? found : throw new PolicyConfigurationException("no params found for policy binding with `Deny` parameterNotFoundAction");
    }

    /// <exception cref="PolicyConfigurationException">The policy's paramKind is not served.</exception>
    public static void CheckParamKind(JsonObject policySpec, AdmissionRequest request)
    {
        if (policySpec.Object("paramKind") is not { } kind) return;
        GroupVersion.TryParse(kind.Text("apiVersion"), out var version);
        if (ResourceOf(version.Group, kind.Text("kind"), request.Reader) is null)
            throw new PolicyConfigurationException($"failed to find resource referenced by paramKind: '{kind.Text("apiVersion")}, Kind={kind.Text("kind")}'");
    }

    /// <summary>The resource of a kind: built in, or by the definitions there are.</summary>
    public static (GroupResource Resource, bool IsNamespaced)? ResourceOf(string group, string kind, IResourceReader reader)
    {
        foreach (var resource in ApiCatalog.BuiltIn.Resources)
            if (resource.Group == group && resource.Kind == kind && resource.IsStored) return (resource.GroupResource, resource.IsNamespaced);
        foreach (var definition in reader.List(Definitions))
        {
            var spec = definition.ToTree().Object("spec");
            if (spec.Text("group") == group && spec.Object("names").Text("kind") == kind) return (new GroupResource(group, spec.Object("names").Text("plural")), spec.Text("scope") == "Namespaced");
        }
        return null;
    }
}
