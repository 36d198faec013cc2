using System.Runtime.CompilerServices;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission.Policies;

/// <summary>ValidatingAdmissionPolicies: CEL expressions that cluster admins write, bound to what they are about. Behaviour and messages of upstream's ValidatingAdmissionPolicy plugin.</summary>
internal sealed class ValidatingPolicyAdmission(IAuthorizer authorizer) : IAdmissionPlugin
{
    private const string Group = "admissionregistration.k8s.io";
    private static readonly GroupResource Policies = new(Group, "validatingadmissionpolicies");
    private static readonly GroupResource Bindings = new(Group, "validatingadmissionpolicybindings");

    private readonly ConditionalWeakTable<KubeObject, ValidatingPolicy> _compiled = [];

    public string Name => "ValidatingAdmissionPolicy";

    /// <summary>Nobody may lock himself out of mending a policy.</summary>
    public bool Handles(AdmissionRequest request) => request.Resource.Group != Group;

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var bindings = request.Reader.List(Bindings);
        if (bindings.Count == 0) return default;
        StatusException? denied = null;
        foreach (var group in bindings.Select(b => b.ToTree()).GroupBy(b => b.Object("spec").Text("policyName")).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            if (request.Reader.Find(Policies, new NamespacedName("", group.Key)) is not { } stored) continue;
            var policy = _compiled.GetValue(stored, static p => new ValidatingPolicy(p.ToTree()));
            if (PolicyBinding.Match(policy.Spec.Object("matchConstraints"), request, needsRules: true) is not { } seen) continue;
            var ofPolicy = group.OrderBy(b => b.ObjectName(), StringComparer.Ordinal);
            try
            {
                PolicyBinding.CheckParamKind(policy.Spec, request);
                foreach (var binding in ofPolicy) denied = Check(request, seen, policy, binding) is { } refusal ? denied ?? refusal : denied;
            }
            catch (PolicyConfigurationException e)
            {
                if (!policy.IgnoresFailure) denied ??= Refused(request, $"ValidatingAdmissionPolicy '{policy.Name}' denied request: failed to configure policy: {e.Message}", "Invalid");
            }
        }
        return denied is null ? default : throw denied;
    }

    /// <param name="seen">The request in the version the policy names.</param>
    /// <returns>The refusal, when the binding denies.</returns>
    private StatusException? Check(AdmissionRequest request, AdmissionRequest seen, ValidatingPolicy policy, JsonObject binding)
    {
        var spec = binding.Object("spec") ?? [];
        if (PolicyBinding.Match(spec.Object("matchResources"), request, needsRules: false) is null) return null;
        var by = $"ValidatingAdmissionPolicy '{policy.Name}' with binding '{binding.ObjectName()}'";
        var actions = spec.Texts("validationActions").ToList();
        StatusException? denied = null;
        try
        {
            foreach (var parameters in PolicyBinding.Parameters(policy.Spec, spec, request))
            {
                var refusals = policy.Evaluate(ExpressionVariables.Of(seen, parameters, authorizer), out var always);
                foreach (var refusal in refusals)
                {
                    if (actions.Contains("Warn")) request.Warnings.Add($"Validation failed for {by}: {refusal.Message}");
                    if (actions.Contains("Deny")) denied ??= Refused(request, $"{by} denied request: {refusal.Message}", refusal.Reason);
                }
                foreach (var refusal in always) denied ??= Refused(request, $"{by} denied request: {refusal.Message}", refusal.Reason);
            }
        }
        catch (PolicyConfigurationException e)
        {
            if (!policy.IgnoresFailure) denied ??= Refused(request, $"{by} denied request: failed to configure binding: {e.Message}", "Invalid");
        }
        return denied;
    }

    private static StatusException Refused(AdmissionRequest request, string message, string reason)
    {
        var refused = request.Forbidden(message).Status;
        var code = reason switch { "Unauthorized" => 401, "Forbidden" => 403, "RequestEntityTooLarge" => 413, _ => 422 };
        return new StatusException(refused with { Code = code, Reason = reason, Details = refused.Details! with { Causes = [new StatusCause("", message)] } });
    }
}
