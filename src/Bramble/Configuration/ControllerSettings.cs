using System.Net;
using Bramble.Controllers;

namespace Bramble.Configuration;

/// <summary>The controllers' settings, from <c>--kube-controller-manager-arg</c> with kube-controller-manager's defaults.</summary>
internal static class ControllerSettings
{
    public static ControllersConfig Of(ComponentArguments arguments, IReadOnlyList<IPNetwork> clusterCidrs, string rootCaPem)
    {
        var maskSize = arguments.Number("node-cidr-mask-size", 24);
        return new ControllersConfig([.. clusterCidrs.Select(range => range.ToString())], rootCaPem)
        {
            NodeMaskSizeIPv4 = arguments.Number("node-cidr-mask-size-ipv4", maskSize),
            NodeMaskSizeIPv6 = arguments.Number("node-cidr-mask-size-ipv6", 64),
            TerminatedPodsMax = arguments.Number("terminated-pod-gc-threshold", 12500),
            NodeMonitorGracePeriod = arguments.Duration("node-monitor-grace-period", TimeSpan.FromSeconds(50)),
            ForcesDetach = !arguments.Switch("disable-force-detach-on-timeout", otherwise: false),
            CertificateLifeMax = arguments.Duration("cluster-signing-duration", TimeSpan.FromDays(365)),
            LegacyTokenPeriod = arguments.Duration("legacy-service-account-token-clean-up-period", TimeSpan.FromDays(365)),
            NodeEvictions = new()
            {
                Rate = arguments.Fraction("node-eviction-rate", 0.1),
                SecondaryRate = arguments.Fraction("secondary-node-eviction-rate", 0.01),
                LargeZoneNodes = arguments.Number("large-cluster-size-threshold", 50),
                UnhealthyShare = arguments.Fraction("unhealthy-zone-threshold", 0.55),
            },
            Autoscaling = new()
            {
                SyncPeriod = arguments.Duration("horizontal-pod-autoscaler-sync-period", TimeSpan.FromSeconds(15)),
                DownscaleStabilization = arguments.Duration("horizontal-pod-autoscaler-downscale-stabilization", TimeSpan.FromMinutes(5)),
                CpuInitializationPeriod = arguments.Duration("horizontal-pod-autoscaler-cpu-initialization-period", TimeSpan.FromMinutes(5)),
                InitialReadinessDelay = arguments.Duration("horizontal-pod-autoscaler-initial-readiness-delay", TimeSpan.FromSeconds(30)),
                Tolerance = arguments.Fraction("horizontal-pod-autoscaler-tolerance", 0.1),
            },
        };
    }
}
