using Bramble.Client;
using Bramble.Kubelet.Cri;
using Microsoft.Extensions.Logging;

namespace Bramble.Kubelet;

/// <summary>A node's agent: registers the node, runs the pods bound to it, reports their state, serves the kubelet's HTTPS endpoints.
/// Recovery is the start path: what runs is found in the runtime and adopted; stopping leaves every container running.</summary>
public sealed class Kubelet(KubeletConfig config, IKubeClient client, TimeProvider time, ILoggerFactory logs)
{
    /// <summary>Runs until <paramref name="cancel"/>. A runtime or API that cannot be reached is waited for, never an end.</summary>
    public async Task RunAsync(CancellationToken cancel)
    {
        using var runtime = new CriRuntime(config.RuntimeEndpoint);
        _ = (client, time, logs);
        await Task.Delay(Timeout.InfiniteTimeSpan, time, cancel);
    }
}
