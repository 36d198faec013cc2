using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;

namespace Bramble.ApiServer.Strategies;

/// <summary>Fills ipFamilyPolicy and ipFamilies of a Service from what it says and what the cluster has (KEP-563), before it is validated.</summary>
internal sealed class ServiceFamilies(ServiceNetwork network)
{
    private static readonly GroupVersionKind Kind = new("", "v1", "Service");
    private static readonly FieldPath PolicyPath = FieldPath.Spec.Child("ipFamilyPolicy");

    public void PrepareForCreate(JsonObject service)
    {
        var spec = service.Child("spec");
        if (spec.Text("clusterIP").Length > 0 && spec.Count("clusterIPs") == 0) spec["clusterIPs"] = new JsonArray((JsonNode)spec.Text("clusterIP"));
        Fill(service, spec, null);
    }

    public void PrepareForUpdate(JsonObject service, JsonObject old)
    {
        var (spec, before) = (service.Child("spec"), old.Object("spec") ?? []);
        KeepAllocated(spec, before);
        SynchronizeClusterIps(spec, before);
        Fill(service, spec, before);
    }

    /// <summary>A client that leaves allocated values out keeps them.</summary>
    private static void KeepAllocated(JsonObject spec, JsonObject before)
    {
        if (ServiceFields.NeedsClusterIp(before) && ServiceFields.NeedsClusterIp(spec))
        {
            if (spec.Text("clusterIP").Length == 0) spec.KeepFrom(before, "clusterIP");
            if (spec.Count("clusterIPs") == 0) spec.KeepFrom(before, "clusterIPs");
        }

        if (ServiceFields.NeedsNodePort(before) && ServiceFields.NeedsNodePort(spec)) KeepNodePorts(spec, before);
        if (ServiceFields.NeedsHealthCheckNodePort(before) && ServiceFields.NeedsHealthCheckNodePort(spec) && spec.Long("healthCheckNodePort") == 0)
            spec.KeepFrom(before, "healthCheckNodePort");
    }

    private static void KeepNodePorts(JsonObject spec, JsonObject before)
    {
        var used = NodePorts(spec);
        used.IntersectWith(NodePorts(before));
        var byName = new Dictionary<string, long>(StringComparer.Ordinal);
        foreach (var (_, port) in before.Items("ports")) byName[port.Text("name")] = port.Long("nodePort");
        foreach (var (_, port) in spec.Items("ports"))
        {
            if (port.Long("nodePort") != 0) continue;
            var old = byName.GetValueOrDefault(port.Text("name"));
            if (used.Contains(old)) continue;
            if (old != 0) port["nodePort"] = old;
            used.Add(old);
        }
    }

    private static HashSet<long> NodePorts(JsonObject spec)
    {
        var ports = new HashSet<long>();
        foreach (var (_, port) in spec.Items("ports"))
            if (port.Long("nodePort") is not 0 and var number) ports.Add(number);
        return ports;
    }

    /// <summary>clusterIP is the first of clusterIPs: old clients change only the one, new ones both.</summary>
    private static void SynchronizeClusterIps(JsonObject spec, JsonObject before)
    {
        var isSameFirst = spec.Text("clusterIP") == before.Text("clusterIP");
        if (before.Count("clusterIPs") > 0 && spec.Count("clusterIPs") == 0 && isSameFirst) spec.KeepFrom(before, "clusterIPs");
        if (isSameFirst || spec.Differs(before, "clusterIPs")) return;
        if (before.Text("clusterIP").Length > 0 && spec.Text("clusterIP").Length == 0) spec.Remove("clusterIPs");
        else spec["clusterIPs"] = new JsonArray((JsonNode)spec.Text("clusterIP"));
    }

    private void Fill(JsonObject service, JsonObject spec, JsonObject? before)
    {
        if (!ServiceFields.NeedsClusterIp(spec) || IsUnchangedPreferDualStack(spec, before)) return;
        var isHeadlessWithoutSelector = spec.Text("clusterIP") == "None" && spec.Count("selector") == 0;
        if (!spec.Has("ipFamilyPolicy"))
            spec["ipFamilyPolicy"] = before is not null && before.Has("ipFamilyPolicy") ? before.Text("ipFamilyPolicy") : isHeadlessWithoutSelector ? "RequireDualStack" : "SingleStack";

        var errors = new FieldErrors();
        ServiceIpRules.Validate(spec, before, errors);
        Refuse(service, errors);

        if (before is not null) CheckReduction(spec, before, errors);
        var policy = spec.Text("ipFamilyPolicy");
        if (policy == "SingleStack")
        {
            if (spec.Count("clusterIPs") == 2) errors.Invalid(PolicyPath, policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple cluster IPs are specified");
            if (spec.Count("ipFamilies") == 2) errors.Invalid(PolicyPath, policy, "must be 'RequireDualStack' or 'PreferDualStack' when multiple IP families are specified");
        }

        AddFamiliesOfGivenAddresses(spec, errors);
        Refuse(service, errors);

        if (isHeadlessWithoutSelector)
        {
            // Nothing is allocated: such a service has both families, whatever the cluster has.
            if (spec.Count("ipFamilies") == 0) AddFamily(spec, network.DefaultFamily);
            if (spec.Count("ipFamilies") < 2 && policy != "SingleStack") AddFamily(spec, Other(spec));
            return;
        }

        if (policy == "RequireDualStack" && network.FamilyCount < 2) errors.Invalid(PolicyPath, policy, "this cluster is not configured for dual-stack services");
        var index = 0;
        foreach (var family in spec.Texts("ipFamilies"))
        {
            if (!network.Has(family)) errors.Invalid(FieldPath.Spec.Child("ipFamilies").Index(index), family, "not configured on this cluster");
            index++;
        }

        Refuse(service, errors);
        if (spec.Count("ipFamilies") == 0) AddFamily(spec, network.DefaultFamily);
        if (policy != "SingleStack" && spec.Count("ipFamilies") == 1 && network.FamilyCount == 2) AddFamily(spec, Other(spec));
    }

    private static void CheckReduction(JsonObject spec, JsonObject before, FieldErrors errors)
    {
        var policy = spec.Text("ipFamilyPolicy");
        if (policy == "SingleStack")
        {
            foreach (var list in (ReadOnlySpan<string>)["clusterIPs", "ipFamilies"])
                if (!spec.Differs(before, list) && spec.Array(list) is { Count: > 1 } items) items.RemoveAt(1);
            return;
        }

        if (spec.Count("clusterIPs") is > 0 and var ips && ips < before.Count("clusterIPs"))
            errors.Invalid(PolicyPath, policy, "must be 'SingleStack' to release the secondary cluster IP");
        if (spec.Count("ipFamilies") is > 0 and var families && families < before.Count("ipFamilies"))
            errors.Invalid(PolicyPath, policy, "must be 'SingleStack' to release the secondary IP family");
    }

    private void AddFamiliesOfGivenAddresses(JsonObject spec, FieldErrors errors)
    {
        var index = 0;
        foreach (var ip in spec.Texts("clusterIPs").ToList())
        {
            if (ip == "None") return;
            var family = IpText.IsV4(ip) ? "IPv4" : IpText.IsV6(ip) ? "IPv6" : "unknown";
            if (index >= spec.Count("ipFamilies"))
            {
                if (network.Has(family)) AddFamily(spec, family);
                else errors.Invalid(FieldPath.Spec.Child("clusterIPs").Index(index), spec["clusterIPs"], $"{family} is not configured on this cluster");
            }

            index++;
        }
    }

    private static bool IsUnchangedPreferDualStack(JsonObject spec, JsonObject? before) =>
        before is not null
        && spec.Text("ipFamilyPolicy") == "PreferDualStack"
        && !spec.Differs(before, "type")
        && spec.Text("type") is "ClusterIP" or "NodePort" or "LoadBalancer"
        && before.TextOrNull("ipFamilyPolicy") is null or "PreferDualStack"
        && !spec.Differs(before, "clusterIPs")
        && !spec.Differs(before, "ipFamilies");

    private static string Other(JsonObject spec) => spec.Texts("ipFamilies").First() == "IPv4" ? "IPv6" : "IPv4";

    private static void AddFamily(JsonObject spec, string family)
    {
        if (spec.Array("ipFamilies") is not { } families) spec["ipFamilies"] = families = [];
        families.Add((JsonNode)family);
    }

    /// <summary>Upstream finds these errors before it validates the rest: they come alone.</summary>
    private static void Refuse(JsonObject service, FieldErrors errors)
    {
        if (errors.Count > 0) throw StatusErrors.Invalid(Kind, service.ObjectName(), errors);
    }
}
