using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission.PodSecurity;

/// <summary>Pod Security Standards by namespace labels: enforce refuses pods, warn speaks up (also about controllers' templates).</summary>
internal sealed class PodSecurityAdmission(PodSecuritySettings settings) : IAdmissionPlugin
{
    private static readonly GroupResource Namespaces = new("", "namespaces");
    private static readonly GroupResource Pods = new("", "pods");

    /// <summary>A namespace's pods are looked at when its level rises; more than this would keep the client waiting.</summary>
    private const int PodsMax = 3000;

    public string Name => "PodSecurity";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.IsCreateOrUpdate();

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        if (request.Is("", "namespaces")) ValidateNamespace(request);
        else if (request.Resource == Pods) ValidatePod(request);
        else if (request.Subresource.Length == 0 && DisabledPodFields.TemplateOf(request.Resource, request.Object) is { } template) ValidateTemplate(request, template);
        return default;
    }

    private void ValidatePod(AdmissionRequest request)
    {
        if (request.Subresource is not ("" or "ephemeralcontainers" or "resize")) return;
        if (settings.IsExempt(request) || settings.IsExempt(request.Object.Object("spec"))) return;
        if (request.Operation == AdmissionOperation.Update && !IsSignificant(request.Object.Object("spec"), request.OldObject.Object("spec"))) return;
        var policy = PolicyOf(request);
        var (metadata, spec) = (request.Object.Object("metadata"), request.Object.Object("spec"));
        var violations = PodSecurityStandard.Evaluate(policy.Enforce, metadata, spec);
        if (violations.Count > 0) throw request.Forbidden($"violates PodSecurity \"{policy.Enforce}\": {string.Join(", ", violations)}");
        Warn(request, policy, metadata, spec);
    }

    private void ValidateTemplate(AdmissionRequest request, JsonObject template)
    {
        if (!settings.IsExempt(request)) Warn(request, PolicyOf(request), template.Object("metadata"), template.Object("spec"));
    }

    private void Warn(AdmissionRequest request, NamespacePolicy policy, JsonObject? metadata, JsonObject? spec)
    {
        if (settings.IsExempt(spec)) return;
        var violations = PodSecurityStandard.Evaluate(policy.Warn, metadata, spec);
        if (violations.Count > 0) request.Warnings.Add($"would violate PodSecurity \"{policy.Warn}\": {string.Join(", ", violations)}");
    }

    private NamespacePolicy PolicyOf(AdmissionRequest request) => NamespacePolicy.Read(request.Reader.Find(Namespaces, new("", request.Namespace))?.ToTree().Labels(), settings.Defaults);

    /// <summary>Only images of containers, and ephemeral containers, can change in a way that matters.</summary>
    private static bool IsSignificant(JsonObject? spec, JsonObject? old)
    {
        foreach (var list in (ReadOnlySpan<string>)["containers", "initContainers"])
        {
            if (spec.Count(list) != old.Count(list)) return true;
            var before = old.Array(list);
            foreach (var (index, container) in spec.Items(list))
                if (container.Text("image") != (before?[index] as JsonObject).Text("image")) return true;
        }
        var known = old.Array("ephemeralContainers")?.OfType<JsonObject>().ToList() ?? [];
        foreach (var (_, container) in spec.Items("ephemeralContainers"))
            if (!known.Any(k => k.Text("name") == container.Text("name") && k.Text("image") == container.Text("image"))) return true;
        return false;
    }

    private void ValidateNamespace(AdmissionRequest request)
    {
        var policy = NamespacePolicy.Read(request.Object.Labels(), settings.Defaults);
        if (request.Operation == AdmissionOperation.Create)
        {
            if (policy.Errors.Count > 0) throw Invalid(request, policy);
            WarnAboutExemption(request, policy);
            return;
        }
        var old = NamespacePolicy.Read(request.OldObject.Labels(), settings.Defaults);
        if (policy.Errors.Count > 0 && !policy.Errors.SequenceEqual(old.Errors)) throw Invalid(request, policy);
        if (policy.Enforce == old.Enforce || policy.Enforce.Level == PodSecurityLevel.Privileged) return;
        if (policy.Enforce.Version == old.Enforce.Version && policy.Enforce.Level <= old.Enforce.Level) return;
        if (!WarnAboutExemption(request, policy)) WarnAboutPods(request, policy.Enforce);
    }

    /// <returns>The namespace is exempt.</returns>
    private bool WarnAboutExemption(AdmissionRequest request, NamespacePolicy policy)
    {
        var ns = request.Object!.ObjectName();
        if (!settings.Namespaces.Contains(ns)) return false;
        if (policy is { Enforce.Level: PodSecurityLevel.Privileged, Audit.Level: PodSecurityLevel.Privileged, Warn.Level: PodSecurityLevel.Privileged }) return true;
        if ((policy.Enforce, policy.Audit, policy.Warn) == (settings.Defaults.Enforce, settings.Defaults.Audit, settings.Defaults.Warn)) return true;
        var labels = request.Object.Labels();
        List<string> shown = [];
        foreach (var (mode, level) in ((string, LevelVersion)[])[("enforce", policy.Enforce), ("audit", policy.Audit), ("warn", policy.Warn)])
            if (level.Level != PodSecurityLevel.Privileged && (labels.Has(NamespacePolicy.Prefix + mode) || labels.Has($"{NamespacePolicy.Prefix}{mode}-version"))) shown.Add($"{mode}={level}");
        request.Warnings.Add($"namespace \"{ns}\" is exempt from Pod Security, and the policy ({string.Join(", ", shown)}) will be ignored");
        return true;
    }

    private static StatusException Invalid(AdmissionRequest request, NamespacePolicy policy) => StatusErrors.Invalid(request.Kind, request.Object!.ObjectName(), policy.Errors);

    private void WarnAboutPods(AdmissionRequest request, LevelVersion enforce)
    {
        var ns = request.Object!.ObjectName();
        var pods = request.Reader.List(Pods, ns);
        var byReason = pods.Take(PodsMax).Select(pod => pod.ToTree()).Where(pod => !settings.IsExempt(pod.Object("spec")))
            .Select(pod => (Name: pod.ObjectName(), Reason: string.Join(", ", PodSecurityStandard.Evaluate(enforce, pod.Object("metadata"), pod.Object("spec")).Select(v => v.Reason))))
            .Where(pod => pod.Reason.Length > 0).GroupBy(pod => pod.Reason).ToList();
        if (pods.Count > PodsMax) request.Warnings.Add($"new PodSecurity enforce level only checked against the first {PodsMax} of {pods.Count} existing pods");
        if (byReason.Count == 0) return;
        request.Warnings.Add($"existing pods in namespace \"{ns}\" violate the new PodSecurity enforce level \"{enforce}\"");
        request.Warnings.AddRange(byReason.Select(same => Describe([.. same.Select(pod => pod.Name).Order(StringComparer.Ordinal)], same.Key)).Order(StringComparer.Ordinal));
    }

    private static string Describe(List<string> pods, string reason) => pods.Count switch
    {
        1 => $"{pods[0]}: {reason}",
        2 => $"{pods[0]} (and 1 other pod): {reason}",
        _ => $"{pods[0]} (and {pods.Count - 1} other pods): {reason}",
    };
}
