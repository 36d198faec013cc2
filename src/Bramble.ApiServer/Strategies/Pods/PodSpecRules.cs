using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of a pod spec, in a Pod or a template, in upstream's order (ValidatePodSpec).</summary>
internal static class PodSpecRules
{
    /// <param name="podName">Name of the Pod; null in a template.</param>
    /// <param name="isMirror">The Pod stands for one that a kubelet runs from a file.</param>
    public static void Validate(JsonObject spec, FieldPath path, FieldErrors errors, bool isPod = false, string? podName = null, bool isMirror = false)
    {
        var scope = new PodScope(spec, errors, isPod, podName);
        if (scope.GracePeriodSeconds is null) errors.Required(path.Child("terminationGracePeriodSeconds"));
        VolumeRules.Validate(scope, path.Child("volumes"));
        if (!isMirror) ResourceClaims(scope, path.Child("resourceClaims"));
        else foreach (var _ in spec.Items("resourceClaims")) errors.Forbidden("[]", "static pods do not support resource claims");
        ContainerRules.Validate(scope, path);
        PodLevelResourceRules.Validate(spec, path, errors);
        HostNetworkPorts(spec, path, errors, isPod);
        EnumRules.Required(spec, "restartPolicy", path, errors, "Always", "OnFailure", "Never");
        EnumRules.Required(spec, "dnsPolicy", path, errors, "ClusterFirstWithHostNet", "ClusterFirst", "Default", "None");
        LabelRules.Validate(spec.Object("nodeSelector"), path.Child("nodeSelector"), errors);
        SecurityContextRules.Pod(spec, path, scope);
        AffinityRules.Validate(spec.Object("affinity"), path.Child("affinity"), errors);
        PodDnsRules.Validate(spec, path.Child("dnsConfig"), errors);
        Gates(spec, path, errors);
        SpreadRules.Validate(spec, path.Child("topologySpreadConstraints"), errors);
        WindowsRules.HostProcess(spec, path, errors);
        HostUsers(spec, path, errors);
        HostnameOverride(spec, path.Child("hostnameOverride"), errors);
        if (spec.Text("serviceAccountName") is { Length: > 0 } account) errors.InvalidEach(path.Child("serviceAccountName"), account, Formats.DnsSubdomain(account));
        if (spec.Text("nodeName") is { Length: > 0 } node) errors.InvalidEach(path.Child("nodeName"), node, Formats.DnsSubdomain(node));
        if (spec.LongOrNull("activeDeadlineSeconds") is { } deadline) NumberRules.InRange(deadline, 1, int.MaxValue, path.Child("activeDeadlineSeconds"), errors);
        if (spec.Text("hostname") is { Length: > 0 } hostname) errors.InvalidEach(path.Child("hostname"), hostname, Formats.DnsLabel(hostname));
        if (spec.Text("subdomain") is { Length: > 0 } subdomain) errors.InvalidEach(path.Child("subdomain"), subdomain, Formats.DnsLabel(subdomain));
        TolerationRules.Validate(spec, path.Child("tolerations"), errors);
        PodDnsRules.HostAliases(spec, path.Child("hostAliases"), errors);
        if (spec.Text("priorityClassName") is { Length: > 0 } priority) errors.InvalidEach(path.Child("priorityClassName"), priority, Formats.DnsSubdomain(priority));
        if (spec.TextOrNull("runtimeClassName") is { } runtime) errors.InvalidEach(path.Child("runtimeClassName"), runtime, Formats.DnsSubdomain(runtime));
        if (spec.Has("preemptionPolicy")) EnumRules.Required(spec, "preemptionPolicy", path, errors, "PreemptLowerPriority", "Never");
        if (spec.Object("overhead") is { } overhead)
            ResourceRules.ContainerRequirements(new JsonObject { ["limits"] = overhead.DeepClone() }, [], path.Child("overhead"), errors);
        WindowsRules.ValidateOs(spec, path, errors);
        if (spec.Object("schedulingGroup") is { } group)
        {
            if (group.TextOrNull("podGroupName") is not { } name) errors.Invalid(path.Child("schedulingGroup", "podGroupName"), null, "must specify one of: `podGroupName`");
            else errors.InvalidEach(path.Child("schedulingGroup", "podGroupName"), name, Formats.DnsSubdomain(name));
        }

        FileKeyVolumes(spec, path, errors);
    }

    private static void ResourceClaims(PodScope scope, FieldPath path)
    {
        var errors = scope.Errors;
        foreach (var (index, claim) in scope.Spec.Items("resourceClaims"))
        {
            var (at, name) = (path.Index(index), claim.Text("name"));
            if (name.Length == 0) errors.Required(at.Child("name"));
            else if (scope.ClaimNames.Contains(name)) errors.Duplicate(at.Child("name"), name);
            else errors.InvalidEach(at.Child("name"), name, Formats.DnsLabel(name));
            if (name.Length > 0) scope.ClaimNames.Add(name);
            var (own, template) = (claim.TextOrNull("resourceClaimName"), claim.TextOrNull("resourceClaimTemplateName"));
            JsonObject Shown() => GoStruct.Show(claim, ("Name", ""), ("ResourceClaimName", null), ("ResourceClaimTemplateName", null));
            if (own is not null && template is not null) errors.Invalid(at, Shown(), "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
            if (own is null && template is null) errors.Invalid(at, Shown(), "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
            if (own is not null) errors.InvalidEach(at.Child("resourceClaimName"), own, Formats.DnsSubdomain(own));
            if (template is not null) errors.InvalidEach(at.Child("resourceClaimTemplateName"), template, Formats.DnsSubdomain(template));
        }
    }

    private static void HostNetworkPorts(JsonObject spec, FieldPath path, FieldErrors errors, bool isPod)
    {
        if (!spec.Bool("hostNetwork")) return;
        foreach (var (index, container) in spec.Items("containers"))
        {
            foreach (var (position, port) in container.Items("ports"))
            {
                var host = port.Long("hostPort");
                if ((isPod || host != 0) && host != port.Long("containerPort"))
                    errors.Invalid(path.Child("containers").Index(index).Child("ports").Index(position).Child("hostPort"), host, "must match `containerPort` when `hostNetwork` is true");
            }
        }
    }

    private static void Gates(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        foreach (var (index, gate) in spec.Items("readinessGates"))
            errors.InvalidEach(path.Child("readinessGates").Index(index).Child("conditionType"), gate.Text("conditionType"), Formats.LabelKey(gate.Text("conditionType")));
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, gate) in spec.Items("schedulingGates"))
        {
            var (at, name) = (path.Child("schedulingGates").Index(index), gate.Text("name"));
            errors.InvalidEach(at, name, Formats.LabelKey(name));
            if (!seen.Add(name)) errors.Duplicate(at, name);
        }
    }

    private static void HostUsers(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.BoolOrNull("hostUsers") ?? true) return;
        const string why = "when `hostUsers` is false";
        if (spec.Bool("hostNetwork")) errors.Forbidden(path.Child("hostNetwork"), why);
        if (spec.Bool("hostPID")) errors.Forbidden(path.Child("HostPID"), why);
        if (spec.Bool("hostIPC")) errors.Forbidden(path.Child("HostIPC"), why);
        foreach (var list in PodDefaults.ContainerLists)
            foreach (var (index, container) in spec.Items(list))
                if (container.Count("volumeDevices") > 0) errors.Forbidden(path.Child(list).Index(index).Child("volumeDevices"), why);
    }

    private static void HostnameOverride(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (spec.TextOrNull("hostnameOverride") is not { } name) return;
        if (spec.Bool("setHostnameAsFQDN")) errors.Forbidden(path, "may not be specified when setHostnameAsFQDN is true");
        if (spec.Bool("hostNetwork")) errors.Forbidden(path, "may not be specified when hostNetwork is true");
        if (name.Length > 64) errors.TooLong(path, 64);
        errors.InvalidEach(path, name, Formats.DnsSubdomain(name));
    }

    private static void FileKeyVolumes(JsonObject spec, FieldPath path, FieldErrors errors)
    {
        foreach (var list in PodDefaults.ContainerLists)
        {
            foreach (var (index, container) in spec.Items(list))
            {
                foreach (var (position, variable) in container.Items("env"))
                {
                    if (variable.Object("valueFrom").Object("fileKeyRef") is not { } reference) continue;
                    var name = reference.Text("volumeName");
                    var at = path.Child(list).Index(index).Child("env").Index(position).Child("valueFrom", "fileKeyRef").Child("volumeName");
                    JsonObject? volume = null;
                    foreach (var (_, candidate) in spec.Items("volumes"))
                        if (candidate.Text("name") == name) volume = candidate;
                    if (volume is null) errors.NotFound(at, name);
                    else if (!volume.Has("emptyDir")) errors.Invalid(at, name, "referenced volume must be of type emptyDir");
                }
            }
        }
    }
}
