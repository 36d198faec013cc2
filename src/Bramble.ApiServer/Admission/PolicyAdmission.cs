using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.ApiServer.Admission.Webhooks;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission;

/// <summary>ValidatingAdmissionPolicies: CEL expressions that cluster admins write, bound to what they are about. Behaviour and messages of upstream's
/// ValidatingAdmissionPolicy plugin. An expression with a function this server does not have fails, and the policy's failurePolicy decides.</summary>
internal sealed class PolicyAdmission : IAdmissionPlugin
{
    private const string Group = "admissionregistration.k8s.io";
    private static readonly GroupResource Policies = new(Group, "validatingadmissionpolicies");
    private static readonly GroupResource Bindings = new(Group, "validatingadmissionpolicybindings");

    private readonly ConditionalWeakTable<KubeObject, PolicyPrograms> _compiled = [];

    public string Name => "ValidatingAdmissionPolicy";

    public bool Handles(AdmissionRequest request) =>
        // Nobody may lock himself out of mending a policy.
        request.Resource.Group != Group && request.Operation != AdmissionOperation.Connect;

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var bindings = request.Reader.List(Bindings);
        if (bindings.Count == 0) return default;
        foreach (var stored in bindings.OrderBy(b => b.Name.Name, StringComparer.Ordinal))
        {
            var binding = stored.ToTree();
            if (request.Reader.Find(Policies, new NamespacedName("", binding.Text("spec", "policyName"))) is not { } policy) continue;
            var programs = _compiled.GetValue(policy, static p => new PolicyPrograms(p.ToTree()));
            if (!Matches(programs.Policy.Object("spec").Object("matchConstraints"), request, needsRules: true)
                || !Matches(binding.Object("spec").Object("matchResources"), request, needsRules: false)) continue;
            foreach (var parameters in ParametersOf(programs, binding, request)) Check(request, programs, stored.Name.Name, binding, parameters);
        }
        return default;
    }

    /// <summary>The objects a binding gives as <c>params</c>; one null when the policy wants none.</summary>
    private static IEnumerable<JsonObject?> ParametersOf(PolicyPrograms programs, JsonObject binding, AdmissionRequest request)
    {
        if (programs.Policy.Object("spec").Object("paramKind") is not { } kind || binding.Object("spec").Object("paramRef") is not { } reference) return [null];
        GroupVersion.TryParse(kind.Text("apiVersion"), out var version);
        var found = new List<JsonObject?>();
        var ns = reference.Text("namespace") is { Length: > 0 } given ? given : request.Namespace;
        foreach (var resource in ResourcesOf(version.Group, kind.Text("kind"), request))
        {
            if (reference.Text("name") is { Length: > 0 } name)
            {
                if ((request.Reader.Find(resource, new(ns, name)) ?? request.Reader.Find(resource, new("", name))) is { } one) found.Add(one.ToTree());
                continue;
            }
            var selector = LabelSelector.FromObject(reference.Object("selector"));
            found.AddRange(request.Reader.List(resource, ns).Select(o => o.ToTree()).Where(o => selector.Matches(o)));
        }
        if (found.Count > 0) return found;
        if (reference.Text("parameterNotFoundAction") == "Allow") return [];
        throw Refused(request, programs, binding, "Invalid", "failed to configure binding: no params found for policy binding with `Deny` parameterNotFoundAction");
    }

    /// <summary>The resource of a kind: built in, or by the definitions there are.</summary>
    private static IEnumerable<GroupResource> ResourcesOf(string group, string kind, AdmissionRequest request)
    {
        foreach (var resource in Bramble.Api.Catalog.ApiCatalog.BuiltIn.Resources)
            if (resource.Group == group && resource.Kind == kind && resource.IsStored) return [resource.GroupResource];
        foreach (var definition in request.Reader.List(new GroupResource("apiextensions.k8s.io", "customresourcedefinitions")))
        {
            var spec = definition.ToTree().Object("spec");
            if (spec.Text("group") == group && spec.Object("names").Text("kind") == kind) return [new GroupResource(group, spec.Object("names").Text("plural"))];
        }
        return [];
    }

    private static bool Matches(JsonObject? constraints, AdmissionRequest request, bool needsRules)
    {
        if (constraints is null) return !needsRules;
        foreach (var (_, rule) in constraints.Items("excludeResourceRules"))
            if (RuleFits(rule, request)) return false;
        var selectors = new Webhook(new JsonObject { ["namespaceSelector"] = constraints.Object("namespaceSelector")?.DeepClone(), ["objectSelector"] = constraints.Object("objectSelector")?.DeepClone() });
        if (!selectors.MatchesSelectors(request)) return false;
        if (constraints.Count("resourceRules") == 0) return !needsRules;
        foreach (var (_, rule) in constraints.Items("resourceRules"))
            if (RuleFits(rule, request)) return true;
        return false;
    }

    private static bool RuleFits(JsonObject rule, AdmissionRequest request) =>
        Webhook.MatchesRule(rule, request) && (rule.Count("resourceNames") == 0 || rule.Texts("resourceNames").Contains(request.Name));

    private static void Check(AdmissionRequest request, PolicyPrograms programs, string bindingName, JsonObject binding, JsonObject? parameters)
    {
        var spec = programs.Policy.Object("spec")!;
        var ignoresFailure = spec.Text("failurePolicy") == "Ignore";
        var variables = ExpressionVariables.Of(request, parameters);
        variables["variables"] = new PolicyVariables(programs, spec, variables);
        try
        {
            foreach (var (_, condition) in spec.Items("matchConditions"))
                if (programs.Evaluate(condition.Text("expression"), variables) is not true) return;
        }
        catch (CelException e)
        {
            if (ignoresFailure) return;
            Act(request, programs, bindingName, binding, "Invalid", e.Message);
            return;
        }
        foreach (var (_, validation) in spec.Items("validations"))
        {
            var expression = validation.Text("expression");
            string? refusal = null;
            try
            {
                if (programs.Evaluate(expression, variables) is not true) refusal = MessageOf(programs, validation, variables);
            }
            catch (CelException e)
            {
                if (!ignoresFailure) refusal = $"expression '{expression}' resulted in error: {e.Message}";
            }
            if (refusal is not null) Act(request, programs, bindingName, binding, validation.Text("reason") is { Length: > 0 } reason ? reason : "Invalid", refusal);
        }
    }

    private static void Act(AdmissionRequest request, PolicyPrograms programs, string bindingName, JsonObject binding, string reason, string message)
    {
        var actions = binding.Object("spec").Texts("validationActions").ToList();
        if (actions.Contains("Warn")) request.Warnings.Add($"Validation failed for ValidatingAdmissionPolicy '{programs.Name}' with binding '{bindingName}': {message}");
        if (actions.Contains("Deny")) throw Refused(request, programs, binding, reason, message);
    }

    private static StatusException Refused(AdmissionRequest request, PolicyPrograms programs, JsonObject binding, string reason, string message)
    {
        var text = $"ValidatingAdmissionPolicy '{programs.Name}' with binding '{binding.ObjectName()}' denied request: {message}";
        var refused = StatusErrors.Forbidden(request.Resource, request.Name, text).Status;
        var code = reason switch { "Unauthorized" => 401, "Forbidden" => 403, "RequestEntityTooLarge" => 413, _ => 422 };
        return new StatusException(refused with { Code = code, Reason = reason, Details = refused.Details! with { Causes = [new StatusCause("", text)] } });
    }

    private static string MessageOf(PolicyPrograms programs, JsonObject validation, Dictionary<string, object?> variables)
    {
        if (validation.Text("messageExpression") is { Length: > 0 } expression)
            try
            {
                if (programs.Evaluate(expression, variables) is string { Length: > 0 } made && !made.Contains('\n') && made.Trim().Length > 0) return made.Trim();
            }
            catch (CelException)
            {
                // As upstream: a message that cannot be made is replaced by the fixed one.
            }
        return validation.Text("message").Trim() is { Length: > 0 } message ? message : $"failed expression: {validation.Text("expression").Trim()}";
    }

    /// <summary>A policy with its expressions compiled, each at its first use. Thread-safe.</summary>
    private sealed class PolicyPrograms(JsonObject policy)
    {
        private readonly System.Collections.Concurrent.ConcurrentDictionary<string, (CelProgram? Program, string Error)> _programs = new(StringComparer.Ordinal);

        public JsonObject Policy => policy;
        public string Name { get; } = policy.ObjectName();

        public object? Evaluate(string expression, IReadOnlyDictionary<string, object?> variables)
        {
            var (program, error) = _programs.GetOrAdd(expression, static text =>
            {
                try
                {
                    return (CelProgram.Compile(text), "");
                }
                catch (CelSyntaxException e)
                {
                    return (null, $"compilation error: {e.Message}");
                }
            });
            return program is null ? throw new CelException(error) : program.Evaluate(variables);
        }
    }

    /// <summary>A policy's variables: each is computed once, when it is first named.</summary>
    private sealed class PolicyVariables(PolicyPrograms programs, JsonObject spec, IReadOnlyDictionary<string, object?> variables) : ICelMap
    {
        private readonly Dictionary<string, object?> _known = new(StringComparer.Ordinal);

        public bool TryGet(string key, out object? value)
        {
            if (_known.TryGetValue(key, out value)) return true;
            foreach (var (_, variable) in spec.Items("variables"))
                if (variable.Text("name") == key)
                {
                    value = _known[key] = programs.Evaluate(variable.Text("expression"), variables);
                    return true;
                }
            return false;
        }
    }
}
