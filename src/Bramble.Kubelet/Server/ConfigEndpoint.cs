using System.Text.Json.Nodes;
using Microsoft.AspNetCore.Http;

namespace Bramble.Kubelet.Server;

/// <summary>/configz: what the kubelet works with, in the form of its configuration file (kubelet.config.k8s.io/v1beta1).</summary>
internal sealed class ConfigEndpoint(KubeletConfig config) : IKubeletEndpoint
{
    public Task HandleAsync(HttpContext http, string[] rest, CancellationToken cancel)
    {
        var tree = new JsonObject
        {
            ["kind"] = "KubeletConfiguration",
            ["apiVersion"] = "kubelet.config.k8s.io/v1beta1",
            ["staticPodPath"] = config.StaticPodPath ?? "",
            ["address"] = config.ServerAddress.ToString(),
            ["port"] = config.ServerPort,
            ["clusterDomain"] = config.ClusterDomain,
            ["clusterDNS"] = new JsonArray([.. config.ClusterDns.Select(ip => (JsonNode)ip.ToString())]),
            ["nodeStatusReportFrequency"] = "5m0s",
            ["nodeLeaseDurationSeconds"] = 40,
            ["imageGCHighThresholdPercent"] = Number("image-gc-high-threshold", 85),
            ["imageGCLowThresholdPercent"] = Number("image-gc-low-threshold", 80),
            ["imageMinimumGCAge"] = config.Arguments.GetValueOrDefault("minimum-image-ttl-duration", "2m0s"),
            ["cgroupRoot"] = config.CgroupRoot,
            ["cgroupDriver"] = config.CgroupDriver == CgroupDriver.Systemd ? "systemd" : "cgroupfs",
            ["maxPods"] = config.MaxPods,
            ["podLogsDir"] = config.PodLogsDirectory,
            ["resolvConf"] = config.ResolvConfPath,
            ["containerRuntimeEndpoint"] = config.RuntimeEndpoint,
            ["containerLogMaxSize"] = config.Arguments.GetValueOrDefault("container-log-max-size", "10Mi"),
            ["containerLogMaxFiles"] = Number("container-log-max-files", 5),
            ["evictionPressureTransitionPeriod"] = config.Arguments.GetValueOrDefault("eviction-pressure-transition-period", "5m0s"),
            ["evictionMaxPodGracePeriod"] = Number("eviction-max-pod-grace-period", 0),
        };
        Map("evictionHard", config.Arguments.GetValueOrDefault("eviction-hard", "imagefs.available<5%,nodefs.available<5%"), '<');
        Map("evictionSoft", config.Arguments.GetValueOrDefault("eviction-soft"), '<');
        Map("evictionSoftGracePeriod", config.Arguments.GetValueOrDefault("eviction-soft-grace-period"), '=');
        Map("evictionMinimumReclaim", config.Arguments.GetValueOrDefault("eviction-minimum-reclaim"), '=');
        Map("kubeReserved", config.Arguments.GetValueOrDefault("kube-reserved"), '=');
        Map("systemReserved", config.Arguments.GetValueOrDefault("system-reserved"), '=');
        http.Response.ContentType = "application/json";
        return http.Response.WriteAsync(new JsonObject { ["kubeletconfig"] = tree }.ToJsonString(), cancel);

        int Number(string flag, int otherwise) => config.Arguments.TryGetValue(flag, out var text) && int.TryParse(text, out var number) ? number : otherwise;

        void Map(string field, string? text, char between)
        {
            if (text is null) return;
            var map = new JsonObject();
            foreach (var part in text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
                if (part.Split(between, 2) is [var name, var value]) map[name] = value;
            tree[field] = map;
        }
    }
}
