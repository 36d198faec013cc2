using System.Text.Json.Nodes;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What upstream's controller manager still brings itself: provisioners that have moved to CSI drivers answer to their drivers' names, the others
/// that begin with kubernetes.io/ to nothing. Pure. Source: csi-translation-lib; the plugin list of kube-controller-manager 1.36.</summary>
internal static class InTreePlugins
{
    public const string HostPath = "kubernetes.io/host-path", MigratedTo = "pv.kubernetes.io/migrated-to";
    private const string Prefix = "kubernetes.io/";

    /// <summary>The driver that took an in-tree plugin's place; the name itself when it is none.</summary>
    public static string DriverOf(string provisioner) => provisioner switch
    {
        "kubernetes.io/aws-ebs" => "ebs.csi.aws.com",
        "kubernetes.io/azure-disk" => "disk.csi.azure.com",
        "kubernetes.io/azure-file" => "file.csi.azure.com",
        "kubernetes.io/cinder" => "cinder.csi.openstack.org",
        "kubernetes.io/gce-pd" => "pd.csi.storage.gke.io",
        "kubernetes.io/portworx-volume" => "pxd.portworx.com",
        "kubernetes.io/vsphere-volume" => "csi.vsphere.vmware.com",
        _ => provisioner,
    };

    /// <param name="isNoted">The claim says all the same who is to make its volume.</param>
    /// <returns>Why nobody makes a volume of this class for the claim; null: an external provisioner does.</returns>
    public static string? WhyNotProvisioned(V1StorageClass storageClass, V1PersistentVolumeClaim claim, out bool isNoted)
    {
        var provisioner = DriverOf(storageClass.Provisioner);
        isNoted = !IsInTree(provisioner) || (provisioner == HostPath && claim.Spec.DataSource is null);
        return provisioner switch
        {
            _ when !IsInTree(provisioner) => null,
            HostPath when claim.Spec.DataSource is not null => $"plugin \"{provisioner}\" is not a CSI plugin. Only CSI plugin can provision a claim with a datasource",
            HostPath when storageClass.MountOptions is { Count: > 0 } options =>
                $"Mount options are not supported by the provisioner but StorageClass \"{storageClass.Metadata.Name}\" has mount options [{string.Join(' ', options)}]",
            HostPath => $"Failed to create provisioner: provisioning in volume plugin \"{provisioner}\" is disabled",
            "kubernetes.io/nfs" => "no provisionable volume plugin matched",
            _ => $"no volume plugin matched name: {provisioner}",
        };
    }

    /// <summary>The in-tree plugin of a volume whose kind has moved to a CSI driver; null: another kind.</summary>
    public static string? MovedPluginOf(V1PersistentVolumeSpec volume) =>
        volume.AwsElasticBlockStore is not null ? "kubernetes.io/aws-ebs"
        : volume.AzureDisk is not null ? "kubernetes.io/azure-disk"
        : volume.AzureFile is not null ? "kubernetes.io/azure-file"
        : volume.Cinder is not null ? "kubernetes.io/cinder"
        : volume.GcePersistentDisk is not null ? "kubernetes.io/gce-pd"
        : volume.PortworxVolume is not null ? "kubernetes.io/portworx-volume"
        : volume.VsphereVolume is not null ? "kubernetes.io/vsphere-volume"
        : null;

    /// <summary>A claim or a volume of a provisioner that has moved (of an older cluster, or out of a backup) says to which driver: the driver's own
    /// provisioner takes it for its own by that.</summary>
    /// <param name="provisionerKeys">The annotations that may name the provisioner; the first that is there counts.</param>
    /// <returns>True: it did not yet.</returns>
    public static bool NoteMigration(JsonObject tree, params ReadOnlySpan<string> provisionerKeys)
    {
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) return false;
        string? provisioner = null;
        foreach (var key in provisionerKeys) provisioner ??= (string?)annotations[key];
        if (provisioner is null) return false;
        var (driver, noted) = (DriverOf(provisioner), (string?)annotations[MigratedTo] ?? "");
        if (driver == provisioner) return noted.Length > 0 && annotations.Remove(MigratedTo);
        if (noted == driver) return false;
        annotations[MigratedTo] = driver;
        return true;
    }

    public static bool IsInTree(string provisioner) => provisioner.StartsWith(Prefix, StringComparison.Ordinal) && DriverOf(provisioner) == provisioner;
}
