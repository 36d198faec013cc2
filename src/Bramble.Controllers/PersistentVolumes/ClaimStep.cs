using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.PersistentVolumes;

/// <summary>An event about a claim.</summary>
internal sealed record ClaimNews(bool IsWarning, string Reason, string Message);

/// <summary>What is done next for a claim. Pure. Source: behaviour of upstream's persistent volume controller.</summary>
internal abstract record ClaimStep
{
    private ClaimStep() { }

    /// <summary>Nothing: how it is is told already.</summary>
    public sealed record Keep : ClaimStep;

    /// <summary>It gets this volume, or what is missing of its binding.</summary>
    public sealed record Bind(V1PersistentVolume Volume) : ClaimStep;

    /// <summary>It named no class when there was no default, and gets the default that came later. KEP-3333.</summary>
    public sealed record TakeDefault(string StorageClass) : ClaimStep;

    /// <summary>Phase Pending, and told again as long as that lasts.</summary>
    /// <param name="News">Null: a change will bring it back, there is nothing to tell.</param>
    /// <param name="IsPending">False: its phase is left as it is.</param>
    public sealed record Wait(ClaimNews? News, bool IsPending = true) : ClaimStep;

    /// <summary>Somebody is to make its volume.</summary>
    /// <param name="Provisioner">What the claim is to say of who does; null: it says so already, or nobody does.</param>
    public sealed record Provision(string? Provisioner, ClaimNews News) : ClaimStep;

    /// <summary>Phase Lost: for good.</summary>
    public sealed record Lose(ClaimNews News) : ClaimStep;

    /// <summary>Of a claim without a volume that has not asked for one by its name.</summary>
    public static ClaimStep OfUnnamed(V1PersistentVolumeClaim claim, JsonObject tree, IReadOnlyList<V1PersistentVolume> volumes, IReadOnlyList<V1StorageClass> classes, IEnumerable<V1Pod> pods)
    {
        var named = VolumeMatch.ClassOf(claim);
        var storageClass = named.Length == 0 ? null : classes.FirstOrDefault(c => c.Metadata.Name == named);
        var isDelayed = storageClass?.VolumeBindingMode == "WaitForFirstConsumer";
        if (VolumeMatch.Best(claim, tree, volumes, isDelayed) is { } best) return new Bind(best);
        if (claim.Spec.StorageClassName is null && claim.Metadata.Annotation(VolumeMatch.ClassAnnotation) is null && VolumeMatch.DefaultOf(classes) is { } byDefault) return new TakeDefault(byDefault.Metadata.Name);
        if (isDelayed && claim.Metadata.Annotation(ClaimAnnotations.SelectedNode) is null) return new Wait(WaitsFor(pods));
        return named.Length > 0 ? Made(claim, named, storageClass) : new Wait(new(false, "FailedBinding", "no persistent volumes available for this claim and no storage class is set"));
    }

    /// <summary>Of one that has asked for a volume by its name and has not got it.</summary>
    /// <param name="volume">That volume; null: there is none.</param>
    public static ClaimStep OfNamed(V1PersistentVolumeClaim claim, V1PersistentVolume? volume)
    {
        if (volume is null) return new Wait(null);
        if (volume.Spec.ClaimRef is null)
            return VolumeMatch.Mismatch(volume, claim) is { } mismatch ? new Wait(new(true, "VolumeMismatch", $"Cannot bind to requested volume \"{volume.Metadata.Name}\": {mismatch}")) : new Bind(volume);
        if (VolumeMatch.IsReservedFor(volume, claim)) return new Bind(volume);
        // A binding of our own that somebody has undone half: not for us to call the claim free.
        return new Wait(new(true, "FailedBinding", $"volume \"{volume.Metadata.Name}\" already bound to a different claim."), claim.Metadata.Annotation(ClaimAnnotations.BoundByController) is null);
    }

    /// <summary>Of one whose binding was complete once.</summary>
    /// <param name="volume">The volume that it names, as the API has it where the copy does not know it; null: there is none.</param>
    public static ClaimStep OfBound(V1PersistentVolumeClaim claim, V1PersistentVolume? volume)
    {
        if (string.IsNullOrEmpty(claim.Spec.VolumeName)) return Lost("ClaimLost", "Bound claim has lost reference to PersistentVolume. Data on the volume is lost!");
        if (volume is null) return Lost("ClaimLost", "Bound claim has lost its PersistentVolume. Data on the volume is lost!");
        if (volume.Spec.ClaimRef is null || volume.Spec.ClaimRef.Uid == claim.Metadata.Uid) return new Bind(volume);
        return Lost("ClaimMisbound", "Two claims are bound to the same volume, this one is bound incorrectly");

        ClaimStep Lost(string reason, string message) => claim.Status?.Phase == "Lost" ? new Keep() : new Lose(new(true, reason, message));
    }

    private static Provision Made(V1PersistentVolumeClaim claim, string named, V1StorageClass? storageClass)
    {
        if (storageClass is null) return new Provision(null, new(true, "ProvisioningFailed", $"storageclass.storage.k8s.io \"{named}\" not found"));
        var provisioner = InTreePlugins.DriverOf(storageClass.Provisioner);
        var why = InTreePlugins.WhyNotProvisioned(storageClass, claim, out var isNoted);
        return new Provision(
            isNoted && claim.Metadata.Annotation(ClaimAnnotations.Provisioner) != provisioner ? provisioner : null,
            why is not null ? new(true, "ProvisioningFailed", why) : new(false, "ExternalProvisioning",
                $"Waiting for a volume to be created either by the external provisioner '{provisioner}' or manually by the system administrator. If volume creation is delayed, please verify "
                + "that the provisioner is running and correctly registered."));
    }

    private static ClaimNews WaitsFor(IEnumerable<V1Pod> pods)
    {
        var names = pods.Where(p => string.IsNullOrEmpty(p.Spec.NodeName) && !p.IsTerminated()).Select(p => p.Metadata.Name).Order(StringComparer.Ordinal).ToList();
        return names.Count switch
        {
            0 => new(false, "WaitForFirstConsumer", "waiting for first consumer to be created before binding"),
            1 => new(false, "WaitForPodScheduled", $"waiting for pod {names[0]} to be scheduled"),
            _ => new(false, "WaitForPodScheduled", $"waiting for pods {string.Join(',', names)} to be scheduled"),
        };
    }
}
