using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Cel;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Api.Patching;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>MutatingAdmissionPolicies: CEL expressions that change what is written, one after the other; who asked for it (reinvocationPolicy IfNeeded) runs once more when a later one changed the
/// object. Behaviour and messages of upstream's MutatingAdmissionPolicy plugin.</summary>
internal sealed class MutatingPolicyAdmission(IAuthorizer authorizer) : IAdmissionPlugin
{
    private const string Group = "admissionregistration.k8s.io";
    private static readonly GroupResource Policies = new(Group, "mutatingadmissionpolicies");
    private static readonly GroupResource Bindings = new(Group, "mutatingadmissionpolicybindings");

    private readonly ConditionalWeakTable<KubeObject, MutatingPolicy> _compiled = [];

    public string Name => "MutatingAdmissionPolicy";

    public bool Handles(AdmissionRequest request) => request.Resource.Group != Group && request.Object is not null;

    /// <param name="Seen">The request in the version the policy names, before any mutation.</param>
    private sealed record Invocation(MutatingPolicy Policy, string Binding, JsonObject? Parameters, AdmissionRequest Seen)
    {
        public (string, string, string) Key => (Policy.Name, Binding, $"{Parameters?["metadata"]?["namespace"]}/{Parameters?.ObjectName()}");
    }

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var bindings = request.Reader.List(Bindings);
        if (bindings.Count == 0) return default;
        List<(MutatingPolicy Policy, string? Binding, string Message, string Reason)> failures = [];
        var invocations = Find(request, bindings, failures);
        var rounds = request.Reinvocation.Of(Name);
        rounds.Enter(request.Object);
        var isMutated = false;
        foreach (var invocation in invocations)
        {
            if (!rounds.MayCall(invocation.Key)) continue;
            var before = request.Object!;
            isMutated |= Invoke(invocation, request, failures);
            rounds.Called(invocation.Key, invocation.Policy.MayBeReinvoked, !TreeEquality.Same(before, request.Object!));
        }

        // Upstream asks all that may be asked again after any mutation, the last one too, and one that changed nothing.
        if (isMutated) rounds.Require();
        rounds.Leave(request.Object);
        failures.RemoveAll(failure => failure.Policy.IgnoresFailure);
        return failures.Count == 0 ? default : throw Refused(request, failures);
    }

    private List<Invocation> Find(AdmissionRequest request, IReadOnlyCollection<KubeObject> bindings, List<(MutatingPolicy, string?, string, string)> failures)
    {
        List<Invocation> invocations = [];
        foreach (var group in bindings.Select(b => b.ToTree()).GroupBy(b => b.Object("spec").Text("policyName")).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            if (request.Reader.Find(Policies, new NamespacedName("", group.Key)) is not { } stored) continue;
            var policy = _compiled.GetValue(stored, static p => new MutatingPolicy(p.ToTree()));
            if (PolicyBinding.Match(policy.Spec.Object("matchConstraints"), request, needsRules: true) is not { } seen) continue;
            try
            {
                PolicyBinding.CheckParamKind(policy.Spec, request);
            }
            catch (PolicyConfigurationException e)
            {
                failures.Add((policy, null, $"failed to configure policy: {e.Message}", ""));
                continue;
            }
            foreach (var binding in group.OrderBy(b => b.ObjectName(), StringComparer.Ordinal))
            {
                var spec = binding.Object("spec") ?? [];
                if (PolicyBinding.Match(spec.Object("matchResources"), request, needsRules: false) is null) continue;
                try
                {
                    foreach (var parameters in PolicyBinding.Parameters(policy.Spec, spec, request)) invocations.Add(new Invocation(policy, binding.ObjectName(), parameters, seen));
                }
                catch (PolicyConfigurationException e)
                {
                    failures.Add((policy, binding.ObjectName(), $"failed to configure binding: {e.Message}", ""));
                }
            }
        }
        return invocations;
    }

    /// <returns>True: a mutation was done.</returns>
    private bool Invoke(Invocation invocation, AdmissionRequest request, List<(MutatingPolicy, string?, string, string)> failures)
    {
        var policy = invocation.Policy;
        var seen = See(invocation, request);
        if (!policy.Conditions.IsEmpty && !policy.Conditions.Match(ExpressionVariables.Of(seen, invocation.Parameters, authorizer), out var unclear))
        {
            if (unclear is not null) failures.Add((policy, invocation.Binding, unclear, "Invalid"));
            return false;
        }
        var isMutated = false;
        foreach (var mutation in policy.Mutations)
            try
            {
                seen = See(invocation, request);
                request.Object = request.TakeBack(Mutate(policy, mutation, seen, ExpressionVariables.Of(seen, invocation.Parameters, authorizer)), request.Object!);
                isMutated = true;
            }
            catch (Exception e) when (e is CelException or BudgetSpentException or PolicyPatchException)
            {
                failures.Add((policy, invocation.Binding, e.Message, "Invalid"));
            }
        return isMutated;
    }

    private static AdmissionRequest See(Invocation invocation, AdmissionRequest request) =>
        ReferenceEquals(invocation.Seen, request) ? request : request.As(invocation.Seen.Resource, invocation.Seen.Version, invocation.Seen.Kind);

    private static JsonObject Mutate(MutatingPolicy policy, PolicyMutation mutation, AdmissionRequest request, Dictionary<string, object?> variables)
    {
        if (request.ObjectType is not { } type) throw StatusErrors.Internal($"no schema for {request.Kind}");
        var value = policy.Evaluate(mutation, variables);
        return mutation.IsJsonPatch ? PolicyPatch.ApplyOperations(request.Object!, CelPatches.Operations(value), type) : PolicyPatch.ApplyConfiguration(request.Object!, CelPatches.Configuration(value), type);
    }

    private static StatusException Refused(AdmissionRequest request, List<(MutatingPolicy Policy, string? Binding, string Message, string Reason)> failures)
    {
        var messages = failures.Select(f => f.Binding is null
            ? $"policy {FieldError.Quote(f.Policy.Name)} denied request: {f.Message}"
            : $"policy '{f.Policy.Name}' with binding '{f.Binding}' denied request: {f.Message}").ToList();
        var refused = request.Forbidden("").Status;
        return new StatusException(refused with
        {
            Message = messages[0],
            Reason = failures[0].Reason.Length > 0 ? failures[0].Reason : refused.Reason,
            Details = refused.Details! with { Causes = [.. messages.Select(message => new StatusCause("", message))] },
        });
    }
}
