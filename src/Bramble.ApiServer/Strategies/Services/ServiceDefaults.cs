using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of a Service (upstream's SetDefaults_Service).</summary>
internal static class ServiceDefaults
{
    /// <summary>Three hours.</summary>
    private const int ClientIpSeconds = 10800;

    public static void Apply(JsonObject service)
    {
        var spec = service.Child("spec");
        spec.DefaultText("sessionAffinity", "None");
        switch (spec.Text("sessionAffinity"))
        {
            case "None":
                spec.Remove("sessionAffinityConfig");
                break;
            case "ClientIP" when !spec.Object("sessionAffinityConfig").Object("clientIP").Has("timeoutSeconds"):
                spec["sessionAffinityConfig"] = new JsonObject { ["clientIP"] = new JsonObject { ["timeoutSeconds"] = ClientIpSeconds } };
                break;
        }

        spec.DefaultText("type", "ClusterIP");
        var type = spec.Text("type");
        foreach (var (_, port) in spec.Items("ports"))
        {
            port.DefaultText("protocol", "TCP");
            var target = port["targetPort"];
            if (target is null || target.AsText() is { Length: 0 } || (target.IsNumber() && target.AsLong() == 0)) port["targetPort"] = port.Long("port");
        }

        if (ServiceFields.IsExternallyAccessible(spec)) spec.DefaultText("externalTrafficPolicy", "Cluster");
        if (type is "NodePort" or "LoadBalancer" or "ClusterIP") spec.DefaultTo("internalTrafficPolicy", "Cluster");
        if (type != "LoadBalancer") return;
        spec.DefaultTo("allocateLoadBalancerNodePorts", true);
        foreach (var (_, ingress) in service.Object("status").Object("loadBalancer").Items("ingress"))
            if (ingress.Text("ip").Length > 0) ingress.DefaultTo("ipMode", "VIP");
    }
}
