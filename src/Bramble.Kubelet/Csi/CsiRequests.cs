using Bramble.Kubelet.Csi.Protocol;
using Bramble.Kubelet.Pods;
using k8s.Models;
using Mode = Bramble.Kubelet.Csi.Protocol.VolumeCapability.Types.AccessMode.Types.Mode;

namespace Bramble.Kubelet.Csi;

/// <summary>What of a volume and its pod goes to a driver, in the driver's words. Pure.</summary>
internal static class CsiRequests
{
    public static VolumeCapability Capability(V1PersistentVolume pv, CsiDriver driver, long? group)
    {
        var mount = new VolumeCapability.Types.MountVolume { FsType = pv.Spec.Csi!.FsType ?? "", VolumeMountGroup = driver.SetsGroup ? $"{group}" : "" };
        mount.MountFlags.AddRange(pv.Spec.MountOptions ?? []);
        return new VolumeCapability { Mount = mount, AccessMode = new VolumeCapability.Types.AccessMode { Mode = ModeOf(pv.Spec.AccessModes?.FirstOrDefault(), driver.TellsWriters) } };
    }

    /// <summary>Drivers of old know nothing of writers on one node.</summary>
    public static Mode ModeOf(string? accessMode, bool tellsWriters) => accessMode switch
    {
        "ReadOnlyMany" => Mode.MultiNodeReaderOnly,
        "ReadWriteMany" => Mode.MultiNodeMultiWriter,
        "ReadWriteOncePod" => tellsWriters ? Mode.SingleNodeSingleWriter : Mode.SingleNodeWriter,
        _ => tellsWriters ? Mode.SingleNodeMultiWriter : Mode.SingleNodeWriter,
    };

    /// <summary>Whether files may be given to a pod's fsGroup: KEP-1682. Unless the driver says otherwise only where it says what file system there is, and one node
    /// alone has it.</summary>
    public static bool MayOwn(string? policy, V1PersistentVolume pv) => policy switch
    {
        "None" => false,
        "File" => true,
        _ => !string.IsNullOrEmpty(pv.Spec.Csi?.FsType) && pv.Spec.AccessModes?.Any(m => m is "ReadWriteOnce" or "ReadWriteOncePod") == true,
    };

    /// <summary>A pod's own volume has no other user.</summary>
    public static bool MayOwnInline(string? policy, string? fsType) => policy switch { "None" => false, "File" => true, _ => !string.IsNullOrEmpty(fsType) };

    public static Dictionary<string, string> PodInfo(V1Pod pod, bool isEphemeral) => new(StringComparer.Ordinal)
    {
        ["csi.storage.k8s.io/pod.name"] = pod.Name(),
        ["csi.storage.k8s.io/pod.namespace"] = pod.Namespace(),
        ["csi.storage.k8s.io/pod.uid"] = pod.Uid(),
        ["csi.storage.k8s.io/serviceAccount.name"] = pod.Spec.ServiceAccountName ?? "",
        ["csi.storage.k8s.io/ephemeral"] = isEphemeral ? "true" : "false",
    };
}
