using System.Text.Json.Nodes;

namespace Bramble.ApiServer.Strategies;

/// <summary>Defaults of device requests (resource.k8s.io).</summary>
internal static class DeviceDefaults
{
    public static void ApplyToClaimSpec(JsonObject spec)
    {
        foreach (var (_, request) in spec.Object("devices").Items("requests"))
        {
            if (request.Object("exactly") is { } exactly) ApplyToRequest(exactly);
            foreach (var (_, alternative) in request.Items("firstAvailable")) ApplyToRequest(alternative);
        }
    }

    private static void ApplyToRequest(JsonObject request)
    {
        request.DefaultText("allocationMode", "ExactCount");
        if (request.Text("allocationMode") == "ExactCount") request.DefaultNumber("count", 1);
        foreach (var (_, toleration) in request.Items("tolerations")) toleration.DefaultText("operator", "Equal");
    }
}
