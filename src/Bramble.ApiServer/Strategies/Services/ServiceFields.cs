using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Questions about a Service's spec that several rules ask.</summary>
internal static class ServiceFields
{
    public static bool IsExternallyAccessible(JsonObject spec) =>
        spec.Text("type") is "LoadBalancer" or "NodePort" || (spec.Text("type") == "ClusterIP" && spec.Count("externalIPs") > 0);

    public static bool NeedsClusterIp(JsonObject spec) => spec.Text("type") != "ExternalName";

    public static bool NeedsNodePort(JsonObject spec) => spec.Text("type") is "NodePort" or "LoadBalancer";

    public static bool NeedsHealthCheckNodePort(JsonObject spec) => spec.Text("type") == "LoadBalancer" && spec.Text("externalTrafficPolicy") == "Local";

    public static bool IsHeadless(JsonObject spec) => spec.Text("clusterIP") == "None";
}
