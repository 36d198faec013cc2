using Bramble.Scheduler.Devices;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Plugins;

/// <summary>Prefers the node whose resources the Pod brings closer to being used alike, so that none runs out while another lies idle.</summary>
internal sealed class NodeResourcesBalancedAllocation(IReadOnlyList<(string Resource, long Weight)>? resources = null, DeviceView? devices = null) : IScorePlugin
{
    private readonly (string Resource, long Weight)[] _specs = ScoringStrategy.Scored(resources ?? ScoringStrategy.DefaultResources);
    private readonly string[] _resources = [.. ScoringStrategy.Scored(resources ?? ScoringStrategy.DefaultResources).Select(r => r.Resource)];

    public string Name => "NodeResourcesBalancedAllocation";

    /// <summary>A Pod that asks for nothing changes no balance.</summary>
    public INodeScore? Prepare(PodInfo pod, IReadOnlyList<NodeInfo> nodes, ClusterState cluster) =>
        _resources.All(r => pod.Requests[r] == 0) ? null : new ForPod(pod.Requests, _resources, DeviceTotals.Of(devices, pod.Requests, _specs));

    private sealed class ForPod(ResourceAmounts wanted, string[] resources, DeviceTotals? devices) : INodeScore
    {
        /// <summary>75 when the Pod leaves the balance as it is, up to 100 when it betters it, down to 50 when it spoils it.</summary>
        public long Score(NodeInfo node) => 50 + ((50 + Balance(node, withPod: true) - Balance(node, withPod: false)) / 2);

        /// <summary>100 when all resources are used to the same share: 100 × (1 - standard deviation of the shares).</summary>
        private long Balance(NodeInfo node, bool withPod)
        {
            Span<double> shares = stackalloc double[Math.Min(resources.Length, 64)];
            var count = 0;
            double sum = 0;
            foreach (var resource in resources)
            {
                if (count == shares.Length || (wanted[resource] == 0 && ResourceAmounts.IsScalar(resource))) continue;
                var (has, used) = (node.Allocatable[resource], node.Requested[resource]);
                if (has == 0 && devices is not null) (has, used) = devices.On(node, resource);
                if (has == 0) continue;
                shares[count] = Math.Min(1, (double)(used + (withPod ? wanted[resource] : 0)) / has);
                sum += shares[count++];
            }
            double deviation = 0;
            if (count == 2)
            {
                deviation = Math.Abs((shares[0] - shares[1]) / 2);
            }
            else if (count > 2)
            {
                var mean = sum / count;
                foreach (var share in shares[..count]) deviation += (share - mean) * (share - mean);
                deviation = Math.Sqrt(deviation / count);
            }
            return (long)((1 - deviation) * INodeScore.Max);
        }
    }
}
