using Bramble.Client;
using Bramble.Kubelet.Node;
using Bramble.Kubelet.Pods;
using Bramble.Kubelet.Stats;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet.Server;

/// <summary>The kubelet's HTTPS server.</summary>
internal sealed class KubeletServer(
    KubeletConfig config, IKubeClient client, PodParts parts, PodWorkers workers, CgroupStats stats, Machine machine, NodeAgent node, TimeProvider time, ILoggerFactory logs)
{
    public async Task RunAsync(CancellationToken cancel)
    {
        _ = (config, client, parts, workers, stats, machine, node, time, logs);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel).ContinueWith(_ => { }, TaskScheduler.Default);
    }
}
