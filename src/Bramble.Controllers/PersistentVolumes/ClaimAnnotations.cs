using System.Text.Json.Nodes;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>The annotations of claims and volumes by which binders, provisioners and the scheduler speak to each other.</summary>
internal static class ClaimAnnotations
{
    public const string BindCompleted = "pv.kubernetes.io/bind-completed";
    public const string BoundByController = "pv.kubernetes.io/bound-by-controller";
    public const string Provisioner = "volume.kubernetes.io/storage-provisioner";
    public const string BetaProvisioner = "volume.beta.kubernetes.io/storage-provisioner";
    public const string SelectedNode = "volume.kubernetes.io/selected-node";

    public static void Set(JsonObject tree, string name, string value = "yes")
    {
        if (tree["metadata"]!["annotations"] is not JsonObject annotations) tree["metadata"]!["annotations"] = annotations = [];
        annotations[name] = value;
    }
}
