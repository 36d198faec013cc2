using System.Text.Json.Nodes;
using Bramble.Api.Errors;

namespace Bramble.ApiServer.Strategies;

/// <summary>Validation of a write of a Pod's status.</summary>
internal static class PodStatusRules
{
    private const string NotNegative = "must be a non-negative integer";

    public static void Validate(JsonObject pod, JsonObject old, FieldErrors errors)
    {
        PodRules.ValidateAnnotationsUpdate(pod, old, errors);
        var (status, before, spec, path) = (pod.Object("status") ?? [], old.Object("status") ?? [], old.Object("spec") ?? [], FieldPath.Status);
        foreach (var (index, condition) in status.Items("conditions"))
        {
            var at = path.Child("conditions").Index(index);
            if (condition.Long("observedGeneration") < 0) errors.Invalid(at.Child("observedGeneration"), condition.Long("observedGeneration"), NotNegative);
            var type = condition.Text("type");
            if (type is not ("PodScheduled" or "Ready" or "Initialized")) errors.InvalidEach(at.Child("Type"), type, Formats.LabelKey(type));
        }

        var nominated = status.Text("nominatedNodeName");
        if (nominated.Length > 0 && nominated != before.Text("nominatedNodeName"))
        {
            errors.InvalidEach(path.Child("nominatedNodeName"), nominated, Formats.DnsSubdomain(nominated));
            if (spec.Text("nodeName").Length > 0) errors.Forbidden(path.Child("nominatedNodeName"), "may not be set on pods that are already bound to a node");
        }

        if (status.Long("observedGeneration") < 0) errors.Invalid(path.Child("observedGeneration"), status.Long("observedGeneration"), NotNegative);
        if (status.Differs(before, "qosClass")) errors.Invalid(path.Child("qosClass"), status.Text("qosClass"), ImmutableRules.Message);
        Transitions(status, before, spec, "containerStatuses", "containers", path, errors);
        Transitions(status, before, spec, "initContainerStatuses", "initContainers", path, errors);
        Transitions(status, before, spec, "ephemeralContainerStatuses", null, path, errors);
        ResourceClaims(status, spec, path.Child("resourceClaimStatuses"), errors);
        ExtendedResources(status.Object("extendedResourceClaimStatus"), spec, path.Child("extendedResourceClaimStatus"), errors);
        Addresses(status, before, "podIPs", path.Child("podIPs"), errors);
        if (status.Count("hostIPs") > 0)
        {
            var first = (status.Array("hostIPs")![0] as JsonObject).Text("ip");
            if (status.Text("hostIP") != first) errors.Invalid(path.Child("hostIPs").Index(0).Child("ip"), first, "must be equal to `hostIP`");
            Addresses(status, before, "hostIPs", path.Child("hostIPs"), errors);
        }

        ContainerStatusRules.Validate(status, spec, errors);
    }

    /// <summary>A container that has ended for good does not run again.</summary>
    private static void Transitions(JsonObject status, JsonObject before, JsonObject spec, string list, string? containers, FieldPath path, FieldErrors errors)
    {
        if (containers is not null && CouldAllRestart(spec)) return;
        foreach (var (index, old) in before.Items(list))
        {
            if (old.Object("state").Object("terminated") is not { } ended) continue;
            foreach (var (_, now) in status.Items(list))
            {
                if (now.Text("name") != old.Text("name") || now.Object("state").Has("terminated")) continue;
                if (containers is null || !ShouldRestart(spec, containers, old.Text("name"), ended.Long("exitCode")))
                    errors.Forbidden(path.Child(list).Index(index).Child("state"), "may not be transitioned to non-terminated state");
                break;
            }
        }
    }

    private static bool CouldAllRestart(JsonObject spec)
    {
        foreach (var list in (ReadOnlySpan<string>)["initContainers", "containers"])
            foreach (var (_, container) in spec.Items(list))
                foreach (var (_, rule) in container.Items("restartPolicyRules"))
                    if (rule.Text("action") == "RestartAllContainers") return true;
        return false;
    }

    private static bool ShouldRestart(JsonObject spec, string list, string name, long exitCode)
    {
        foreach (var (_, container) in spec.Items(list))
        {
            if (container.Text("name") != name) continue;
            foreach (var (_, rule) in container.Items("restartPolicyRules"))
            {
                var isListed = rule.Object("exitCodes").Array("values")?.Any(code => code.AsLong() == exitCode) ?? false;
                if (rule.Text("action") == "Restart" && rule.Text("exitCodes", "operator") == "In" == isListed) return true;
            }

            return (container.TextOrNull("restartPolicy") ?? spec.Text("restartPolicy")) switch { "Always" => true, "OnFailure" => exitCode != 0, _ => false };
        }

        return false;
    }

    private static void ResourceClaims(JsonObject status, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, claim) in status.Items("resourceClaimStatuses"))
        {
            var (at, name, isKnown) = (path.Index(index), claim.Text("name"), false);
            foreach (var (_, known) in spec.Items("resourceClaims")) isKnown |= known.Text("name") == name;
            if (!isKnown) errors.Invalid(at.Child("name"), name, "must match the name of an entry in `spec.resourceClaims`");
            if (!seen.Add(name)) errors.Duplicate(at.Child("name"), name);
            if (claim.TextOrNull("resourceClaimName") is { } own) errors.InvalidEach(at.Child("resourceClaimName"), own, Formats.DnsSubdomain(own));
        }
    }

    /// <summary>The claim the scheduler made for extended resources, and which container's resource each of its requests stands for: KEP-5004.</summary>
    private static void ExtendedResources(JsonObject? claim, JsonObject spec, FieldPath path, FieldErrors errors)
    {
        if (claim is null) return;
        if (claim.Count("requestMappings") == 0) errors.Required(path.Child("requestMappings"), "at least one request mapping is required");
        var seen = new HashSet<string>(StringComparer.Ordinal);
        foreach (var (index, mapping) in claim.Items("requestMappings"))
        {
            var (at, container, resource, request) = (path.Child("requestMappings").Index(index), mapping.Text("containerName"), mapping.Text("resourceName"), mapping.Text("requestName"));
            JsonObject? found = null;
            foreach (var list in (ReadOnlySpan<string>)["initContainers", "containers"])
                foreach (var (_, each) in spec.Items(list))
                    if (each.Text("name") == container) found = each;
            if (found is null)
                errors.Invalid(at.Child("containerName"), container, "must match the name of an entry in spec.initContainers.name or spec.containers.name");
            else if (found.Object("resources").Object("requests")?.ContainsKey(resource) != true)
                errors.Invalid(at.Child("resourceName"), resource, "must match the extended resource name of an entry in spec.initContainers.resources.requests or spec.containers.resources.requests");
            errors.InvalidEach(path.Child("requestName"), request, Formats.DnsLabel(request));
            if (seen.Add($"{container}/{resource}/{request}")) continue;
            errors.Duplicate(at.Child("containerName"), container);
            errors.Duplicate(at.Child("resourceName"), resource);
            errors.Duplicate(at.Child("requestName"), request);
        }

        if (claim.Text("resourceClaimName") is { Length: > 0 } name) errors.InvalidEach(path.Child("resourceClaimName"), name, Formats.DnsSubdomain(name));
        else errors.Required(path.Child("resourceClaimName"));
    }

    private static void Addresses(JsonObject status, JsonObject before, string list, FieldPath path, FieldErrors errors)
    {
        var (known, ips) = (new List<string>(), new List<string>());
        foreach (var (_, item) in before.Items(list)) known.Add(item.Text("ip"));
        foreach (var (index, item) in status.Items(list))
        {
            ips.Add(item.Text("ip"));
            IpRules.LegacyIp(errors, path.Index(index), item.Text("ip"), known);
        }

        if (ips.Count > 1 && (ips.Count > 2 || IpText.IsV6(ips[0]) == IpText.IsV6(ips[1])))
            errors.Invalid(path, new JsonArray([.. ips.Select(ip => (JsonNode)new JsonObject { ["IP"] = ip })]), "may specify no more than one IP for each IP family");
    }

    public static IEnumerable<string> Warnings(JsonObject pod)
    {
        foreach (var list in (string[])["podIPs", "hostIPs"])
        {
            var index = -1;
            foreach (var item in pod.Object("status").Array(list) ?? [])
            {
                index++;
                if (IpRules.Warning(FieldPath.Status.Child(list).Index(index).Child("ip"), (item as JsonObject).Text("ip")) is { } warning) yield return warning;
            }
        }
    }
}
