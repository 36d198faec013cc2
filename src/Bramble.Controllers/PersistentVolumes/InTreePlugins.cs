namespace Bramble.Controllers.PersistentVolumes;

/// <summary>What upstream's controller manager still brings itself: provisioners that have moved to CSI drivers answer to their drivers' names, the others
/// that begin with kubernetes.io/ to nothing. Pure. Source: csi-translation-lib; the plugin list of kube-controller-manager 1.36.</summary>
internal static class InTreePlugins
{
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

    /// <returns>Why nobody makes volumes for a class of this provisioner; null: an external one does.</returns>
    public static string? WhyNotProvisioned(string provisioner) => provisioner switch
    {
        _ when !IsInTree(provisioner) => null,
        "kubernetes.io/host-path" => $"Failed to create provisioner: provisioning in volume plugin \"{provisioner}\" is disabled",
        "kubernetes.io/nfs" => "no provisionable volume plugin matched",
        _ => $"no volume plugin matched name: {provisioner}",
    };

    public static bool IsInTree(string provisioner) => provisioner.StartsWith(Prefix, StringComparison.Ordinal) && DriverOf(provisioner) == provisioner;
}
