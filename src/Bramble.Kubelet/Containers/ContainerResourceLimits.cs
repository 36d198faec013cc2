using Bramble.Kubelet.Cri;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Containers;

/// <summary>Requests and limits as the kernel wants them. Pure; the arithmetic is the kubelet's.</summary>
internal static class ContainerResourceLimits
{
    public const long SharesMin = 2;
    public const long SharesMax = 262144;
    public const long QuotaPeriodMicroseconds = 100_000;
    private const long QuotaMinMicroseconds = 1000;

    /// <summary>1000 millicores are 1024 shares: 250m → 256.</summary>
    public static long Shares(decimal cores) => cores <= 0 ? SharesMin : Math.Clamp((long)(Milli(cores) * 1024 / 1000), SharesMin, SharesMax);

    /// <summary>Microseconds of CPU in each period of 100 ms: 500m → 50,000; 0: no limit.</summary>
    public static long Quota(decimal cores) => cores <= 0 ? 0 : Math.Max(Milli(cores) * QuotaPeriodMicroseconds / 1000, QuotaMinMicroseconds);

    private static long Milli(decimal cores) => (long)decimal.Ceiling(cores * 1000);

    public static LinuxContainerResources Of(V1Pod pod, V1Container container, long memoryCapacityBytes)
    {
        var limits = container.Resources?.Limits;
        var requests = container.Resources?.Requests;
        var cpuLimit = PodSpecs.Amount(limits, "cpu");
        var memoryLimit = PodSpecs.Amount(limits, "memory");
        if (cpuLimit == 0) cpuLimit = PodSpecs.Amount(pod.Spec.Resources?.Limits, "cpu");
        if (memoryLimit == 0) memoryLimit = PodSpecs.Amount(pod.Spec.Resources?.Limits, "memory");
        // Without a request the limit is the request.
        var cpuRequest = requests?.ContainsKey("cpu") == true ? PodSpecs.Amount(requests, "cpu") : cpuLimit;
        return new LinuxContainerResources
        {
            CpuShares = Shares(cpuRequest),
            CpuQuota = Quota(cpuLimit),
            CpuPeriod = QuotaPeriodMicroseconds,
            MemoryLimitInBytes = (long)memoryLimit,
            // No swap for containers with a limit.
            MemorySwapLimitInBytes = (long)memoryLimit,
            OomScoreAdj = OomScoreAdjust(pod, container, memoryCapacityBytes),
        };
    }

    /// <summary>Burstable: 1000 - 1000 × request ÷ capacity, between 3 and 999. A request of a tenth of the memory → 900.</summary>
    public static long OomScoreAdjust(V1Pod pod, V1Container container, long memoryCapacityBytes)
    {
        if (pod.Spec.PriorityClassName == "system-node-critical" || pod.Spec.Priority >= 2_000_001_000) return -997;
        switch (pod.QosClass())
        {
            case "Guaranteed": return -997;
            case "BestEffort": return 1000;
        }
        var request = (long)PodSpecs.Amount(container.Resources?.Requests, "memory");
        return Math.Clamp(1000 - (long)(1000m * request / Math.Max(1, memoryCapacityBytes)), 3, 999);
    }
}
