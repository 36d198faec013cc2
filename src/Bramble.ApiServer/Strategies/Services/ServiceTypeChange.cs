using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>A change of a Service's type drops what only the old type used, unless the client changed it too (upstream's dropTypeDependentFields).</summary>
internal static class ServiceTypeChange
{
    public static void DropFieldsOfOldType(JsonObject service, JsonObject old)
    {
        var (spec, before) = (service.Child("spec"), old.Object("spec") ?? []);
        if (ServiceFields.NeedsClusterIp(before) && !ServiceFields.NeedsClusterIp(spec))
        {
            if (!spec.Differs(before, "clusterIP") && !spec.Differs(before, "clusterIPs"))
            {
                spec.Remove("clusterIP");
                spec.Remove("clusterIPs");
            }

            if (!spec.Differs(before, "ipFamilies")) spec.Remove("ipFamilies");
            if (!spec.Differs(before, "ipFamilyPolicy")) spec.Remove("ipFamilyPolicy");
        }

        if (ServiceFields.NeedsNodePort(before) && !ServiceFields.NeedsNodePort(spec) && HasNodePortsOf(spec, before))
            foreach (var (_, port) in spec.Items("ports")) port.Remove("nodePort");

        if (ServiceFields.NeedsHealthCheckNodePort(before) && !ServiceFields.NeedsHealthCheckNodePort(spec) && !spec.Differs(before, "healthCheckNodePort"))
            spec.Remove("healthCheckNodePort");

        if (before.Text("type") == "LoadBalancer" && spec.Text("type") != "LoadBalancer")
        {
            if (!spec.Differs(before, "allocateLoadBalancerNodePorts")) spec.Remove("allocateLoadBalancerNodePorts");
            if (!spec.Differs(before, "loadBalancerClass")) spec.Remove("loadBalancerClass");
        }

        if (ServiceFields.IsExternallyAccessible(before) && !ServiceFields.IsExternallyAccessible(spec) && !spec.Differs(before, "externalTrafficPolicy"))
            spec.Remove("externalTrafficPolicy");

        if (spec.Text("type") != "LoadBalancer") service.Child("status")["loadBalancer"] = new JsonObject();
    }

    private static bool HasNodePortsOf(JsonObject spec, JsonObject before)
    {
        var known = new HashSet<long>();
        foreach (var (_, port) in before.Items("ports")) known.Add(port.Long("nodePort"));
        foreach (var (_, port) in spec.Items("ports"))
            if (port.Long("nodePort") is not 0 and var number && !known.Contains(number)) return false;
        return true;
    }
}
