using System.Text.Json.Nodes;
using Bramble.Api.Naming;
using Bramble.Api.Quantities;
using Bramble.ApiServer.Strategies;

namespace Bramble.ApiServer.Admission;

/// <summary>Volumes, claims and attribute classes get the finalizer that keeps them while they are in use.</summary>
internal sealed class StorageObjectInUseProtection : IAdmissionPlugin
{
    public string Name => "StorageObjectInUseProtection";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Create && FinalizerFor(request) is not null;

    private static string? FinalizerFor(AdmissionRequest request)
    {
        if (request.Is("", "persistentvolumes")) return "kubernetes.io/pv-protection";
        if (request.Is("", "persistentvolumeclaims")) return "kubernetes.io/pvc-protection";
        return request.Is("storage.k8s.io", "volumeattributesclasses") ? "kubernetes.io/vac-protection" : null;
    }

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var metadata = request.Object!.Child("metadata");
        if (metadata.Array("finalizers") is not { } finalizers) metadata["finalizers"] = finalizers = [];
        var finalizer = FinalizerFor(request)!;
        if (!finalizers.Any(known => known.AsText() == finalizer)) finalizers.Add((JsonNode)JsonValue.Create(finalizer));
        return default;
    }
}

/// <summary>A claim that names no class gets the default one.</summary>
internal sealed class DefaultStorageClass : IAdmissionPlugin
{
    public string Name => "DefaultStorageClass";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Create && request.Is("", "persistentvolumeclaims");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var claim = request.Object!;
        // An empty class is a choice too: no dynamic provisioning.
        if (claim.Annotations().Has("volume.beta.kubernetes.io/storage-class") || claim.Object("spec").Has("storageClassName")) return default;
        if (DefaultClass.Find(request, new("storage.k8s.io", "storageclasses"), "storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class") is { } name)
            claim.Child("spec")["storageClassName"] = name;
        return default;
    }
}

/// <summary>An Ingress that names no class gets the default one.</summary>
internal sealed class DefaultIngressClass : IAdmissionPlugin
{
    public string Name => "DefaultIngressClass";

    public bool Handles(AdmissionRequest request) => request.Object is not null && request.Operation == AdmissionOperation.Create && request.Is("networking.k8s.io", "ingresses");

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var ingress = request.Object!;
        if (ingress.Object("spec").Has("ingressClassName") || ingress.Annotations().Has("kubernetes.io/ingress.class")) return default;
        if (DefaultClass.Find(request, new("networking.k8s.io", "ingressclasses"), "ingressclass.kubernetes.io/is-default-class") is { } name) ingress.Child("spec")["ingressClassName"] = name;
        return default;
    }
}

/// <summary>Which class is the default: of several the newest, of equally new ones the first by name.</summary>
internal static class DefaultClass
{
    public static string? Find(AdmissionRequest request, GroupResource classes, params string[] annotations) =>
        request.Reader.List(classes).Select(c => c.ToTree())
            .Where(c => annotations.Any(annotation => c.Annotations().Text(annotation) == "true"))
            .OrderByDescending(c => c.Object("metadata").Text("creationTimestamp"), StringComparer.Ordinal).ThenBy(c => c.ObjectName(), StringComparer.Ordinal)
            .FirstOrDefault()?.ObjectName();
}

/// <summary>A claim grows only when it is bound and its class allows it.</summary>
internal sealed class PersistentVolumeClaimResize : IAdmissionPlugin
{
    public string Name => "PersistentVolumeClaimResize";

    public bool Handles(AdmissionRequest request) =>
        request.Object is not null && request.OldObject is not null && request.Operation == AdmissionOperation.Update && request.Is("", "persistentvolumeclaims");

    public ValueTask ValidateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var (claim, old) = (request.Object!, request.OldObject!);
        if (SizeOf(claim) <= SizeOf(old)) return default;
        if (old.Object("status").Text("phase") != "Bound") throw request.Forbidden("Only bound persistent volume claims can be expanded");
        var name = ClassOf(claim);
        var mayGrow = name.Length > 0 && name == ClassOf(old)
            && request.Reader.Find(new("storage.k8s.io", "storageclasses"), new("", name))?.ToTree().Bool("allowVolumeExpansion") == true;
        if (!mayGrow) throw request.Forbidden("only dynamically provisioned pvc can be resized and the storageclass that provisions the pvc must support resize");
        return default;
    }

    private static Quantity SizeOf(JsonObject claim) =>
        Quantity.TryParse(claim.Object("spec").Object("resources").Object("requests").Text("storage"), out var size, out _) ? size : default;

    private static string ClassOf(JsonObject claim) =>
        claim.Annotations().TextOrNull("volume.beta.kubernetes.io/storage-class") ?? claim.Object("spec").Text("storageClassName");
}
