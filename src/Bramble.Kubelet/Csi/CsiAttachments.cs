using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Kubelet.Volumes;
using k8s.Models;

namespace Bramble.Kubelet.Csi;

/// <summary>The node's side of attaching: the servers ask a driver's attacher, and the node waits for its answer.</summary>
internal sealed class CsiAttachments(KubeletConfig config, IKubeClient client, CsiDrivers drivers, TimeProvider time)
{
    /// <summary>How long a server may take to have a volume attached before the pod is told; how often it is asked: a kubelet may read its own attachments one by
    /// one, but not watch them.</summary>
    private static readonly TimeSpan AttachMax = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan AttachLook = TimeSpan.FromSeconds(1);

    /// <summary>Waits until the driver's attacher has attached the volume to this node.</summary>
    /// <returns>What the attacher tells the node.</returns>
    /// <param name="isMounted">It was attached once: nobody waits.</param>
    /// <exception cref="VolumeException">Not within two minutes.</exception>
    /// <exception cref="AttachLimitException">Nor will it be: the node has as many as it can.</exception>
    public async Task<Dictionary<string, string>> AttachedAsync(V1Volume volume, CsiVolume mounted, bool isMounted, CancellationToken cancel)
    {
        var name = new NamespacedName("", mounted.AttachmentOn(config.NodeName));
        var since = time.GetTimestamp();
        while (true)
        {
            var status = (await FindAttachmentAsync(name, cancel))?.ToTree()["status"];
            if ((bool?)status?["attached"] == true)
                return (status["attachmentMetadata"] as JsonObject ?? []).ToDictionary(m => m.Key, m => (string?)m.Value ?? "", StringComparer.Ordinal);
            if (isMounted) return [];
            if (time.GetElapsedTime(since) > AttachMax)
            {
                if (CsiLimits.IsReached(status) && CsiLimits.PeriodOf(await client.FindAsync(Resources.CSIDrivers, new NamespacedName("", mounted.Driver), cancel)) is not null)
                    await TellLimitAsync(volume, mounted, cancel);
                throw VolumeException.AtStage($"Unable to attach or mount volumes: unmounted volumes=[{volume.Name}], unattached volumes=[{volume.Name}], failed to process volumes=[]: context deadline exceeded");
            }
            await Task.Delay(AttachLook, time, cancel);
        }
    }

    /// <summary>Another node may have room for the pod's successor, when the scheduler knows that this one has none.</summary>
    private async Task TellLimitAsync(V1Volume volume, CsiVolume mounted, CancellationToken cancel)
    {
        try
        {
            await drivers.RenewAsync(mounted.Driver, cancel);
        }
        catch (Exception e) when (e is CsiException or StatusException)
        {
            // It is asked again when its time comes.
        }
        throw new AttachLimitException($"Node has reached its volume attachment limit, rejecting pod. unmounted volumes=[{volume.Name}], unattached volumes=[{volume.Name}], failed to process volumes=[]: context deadline exceeded");
    }

    /// <summary>A node may read its own attachments; one that is not made yet is nobody's, and asking for it forbidden.</summary>
    private async Task<KubeObject?> FindAttachmentAsync(NamespacedName name, CancellationToken cancel)
    {
        try
        {
            return await client.FindAsync(Resources.VolumeAttachments, name, cancel);
        }
        catch (StatusException e) when (e.Status.Code == 403)
        {
            return null;
        }
    }
}
