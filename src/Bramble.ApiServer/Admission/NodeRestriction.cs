using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Strategies;
using Bramble.Client;

namespace Bramble.ApiServer.Admission;

/// <summary>A kubelet writes only its own node, its own pods and what belongs to them: the checks that need an object's content, after the Node authorizer's.</summary>
internal sealed class NodeRestriction(IAuthorizer authorizer) : IAdmissionPlugin
{
    private const string MirrorAnnotation = "kubernetes.io/config.mirror";

    public string Name => "NodeRestriction";

    public bool Handles(AdmissionRequest request) => request.Operation != AdmissionOperation.Connect && NodeName.Of(request.User) is not null;

    public ValueTask MutateAsync(AdmissionRequest request, CancellationToken cancel)
    {
        var node = NodeName.Of(request.User)!;
        if (node.Length == 0) throw request.Forbidden($"could not determine node from user \"{request.User.Name}\"");
        switch (request.Resource.Group, request.Resource.Resource)
        {
            case ("", "pods"): CheckPod(request, node); break;
            case ("", "nodes"): NodeSelfWrite.Check(request, node); break;
            case ("", "persistentvolumeclaims"): CheckClaim(request, node); break;
            case ("", "serviceaccounts"): CheckToken(request, node); break;
            case ("coordination.k8s.io", "leases"): CheckLease(request, node); break;
            case ("storage.k8s.io", "csinodes"): CheckName(request, node, "can only access CSINode with the same name as the requesting node"); break;
            case ("resource.k8s.io", "resourceslices"): CheckSlice(request, node); break;
            case ("certificates.k8s.io", "podcertificaterequests"): CheckPodCertificate(request, node); break;
            case ("certificates.k8s.io", "certificatesigningrequests"): CheckSigningRequest(request, node); break;
        }
        return default;
    }

    private static void CheckPod(AdmissionRequest request, string node)
    {
        switch (request.Subresource)
        {
            case "" when request.Operation == AdmissionOperation.Create:
                CheckMirrorPod(request, node);
                break;
            case "" when request.Operation == AdmissionOperation.Delete:
                if (PodOf(request, request.Name).Object("spec").Text("nodeName") != node) throw request.Forbidden($"node \"{node}\" can only delete pods with spec.nodeName set to itself");
                break;
            case "":
                throw request.Forbidden($"unexpected operation \"{Operation(request)}\", node \"{node}\" can only create and delete mirror pods");
            case "status":
                CheckPodStatus(request, node);
                break;
            case "eviction":
                var pod = PodOf(request, request.Name.Length > 0 ? request.Name : request.Object?.ObjectName() ?? "");
                if (pod.Object("spec").Text("nodeName") != node) throw request.Forbidden($"node {node} can only evict pods with spec.nodeName set to itself");
                break;
            default:
                throw request.Forbidden($"unexpected pod subresource \"{request.Subresource}\", only 'status' and 'eviction' are allowed");
        }
    }

    private static string Operation(AdmissionRequest request) => request.Operation.ToString().ToUpperInvariant();

    private static JsonObject PodOf(AdmissionRequest request, string name) =>
        request.Reader.Find(new("", "pods"), new(request.Namespace, name))?.ToTree() ?? throw StatusErrors.NotFound(new("", "pods"), name);

    private static void CheckMirrorPod(AdmissionRequest request, string node)
    {
        var pod = request.Object!;
        if (!pod.Annotations().Has(MirrorAnnotation)) throw request.Forbidden($"pod does not have \"{MirrorAnnotation}\" annotation, node \"{node}\" can only create mirror pods");
        if (pod.Object("spec").Text("nodeName") != node) throw request.Forbidden($"node \"{node}\" can only create pods with spec.nodeName set to itself");
        var owners = pod.Object("metadata").Array("ownerReferences")?.OfType<JsonObject>().ToList() ?? [];
        if (owners.Count > 1) throw request.Forbidden($"node \"{node}\" can only create pods with a single owner reference set to itself");
        if (owners is not [var owner] || owner.Text("apiVersion") != "v1" || owner.Text("kind") != "Node" || owner.Text("name") != node)
            throw request.Forbidden($"node \"{node}\" can only create pods with an owner reference set to itself");
        if (!owner.Bool("controller")) throw request.Forbidden($"node \"{node}\" can only create pods with a controller owner reference set to itself");
        if (owner.Bool("blockOwnerDeletion")) throw request.Forbidden($"node \"{node}\" must not set blockOwnerDeletion on an owner reference");
        var stored = request.Reader.Find(new("", "nodes"), new("", node)) ?? throw StatusErrors.NotFound(new("", "nodes"), node);
        if (owner.Text("uid") != stored.Uid) throw request.Forbidden($"node {node} UID mismatch: expected {owner.Text("uid")} got {stored.Uid}");
        if (ReferencedKind(pod) is { } kind) throw request.Forbidden($"node \"{node}\" can not create pods that reference {kind}");
    }

    /// <summary>The volumes that need another object, and how upstream calls it when the volume names none yet.</summary>
    private static readonly (string Field, string Kind)[] ReferringVolumes =
    [
        ("configMap", "configmaps (via configmap volumes)"), ("secret", "secrets (via secret volumes)"), ("csi", "csidrivers (via CSI volumes)"),
        ("glusterfs", "endpoints (via glusterFS volumes)"), ("persistentVolumeClaim", "persistentvolumeclaims"),
        ("ephemeral", "persistentvolumeclaims (via ephemeral volumes)"), ("azureFile", "secrets (via azureFile volumes)"),
    ];

    private static readonly (string Field, string Kind)[] ReferringSources =
    [
        ("configMap", "configmaps (via projected volumes)"), ("secret", "secrets (via projected volumes)"),
        ("serviceAccountToken", "serviceaccounts (via projected volumes)"), ("clusterTrustBundle", "clustertrustbundles"), ("podCertificate", "podcertificates"),
    ];

    /// <summary>A mirror pod that names other objects would open them to its node.</summary>
    private static string? ReferencedKind(JsonObject pod)
    {
        // PodReferences reads nothing from mirror pods, which this one is.
        var references = PodReferences.Read(new JsonObject { ["spec"] = pod.Object("spec")?.DeepClone() });
        if (references.ServiceAccount.Length > 0) return "serviceaccounts";
        if (references.Secrets.Count > 0) return "secrets";
        if (references.ConfigMaps.Count > 0) return "configmaps";
        if (references.ResourceClaims.Count > 0 || pod.Object("spec").Count("resourceClaims") > 0) return "resourceclaims";
        foreach (var (_, volume) in pod.Object("spec").Items("volumes"))
        {
            foreach (var (field, kind) in ReferringVolumes)
            {
                if (volume.Has(field)) return kind;
            }
            foreach (var (_, source) in volume.Object("projected").Items("sources"))
            {
                foreach (var (field, kind) in ReferringSources)
                {
                    if (source.Has(field)) return kind;
                }
            }
        }
        return null;
    }

    private static void CheckPodStatus(AdmissionRequest request, string node)
    {
        if (request.Operation != AdmissionOperation.Update) throw request.Forbidden($"unexpected operation \"{Operation(request)}\"");
        var (pod, old) = (request.Object, request.OldObject);
        if (old.Object("spec").Text("nodeName") != node) throw request.Forbidden($"node \"{node}\" can only update pod status for pods with spec.nodeName set to itself");
        if (pod.Object("metadata").Differs(old.Object("metadata"), "labels")) throw request.Forbidden($"node \"{node}\" cannot update labels through pod status");
        if (pod.Object("status").Differs(old.Object("status"), "resourceClaimStatuses")) throw request.Forbidden($"node \"{node}\" cannot update resource claim statues");
        if (pod.Object("status").Differs(old.Object("status"), "extendedResourceClaimStatus")) throw request.Forbidden($"node \"{node}\" cannot update extended resource claim status");
    }

    private static void CheckClaim(AdmissionRequest request, string node)
    {
        if (request.Subresource != "status") throw request.Forbidden("may only update PVC status");
        if (request.Operation != AdmissionOperation.Update) throw request.Forbidden($"unexpected operation \"{Operation(request)}\"");
        if (!TreeEquality.Same(WithoutSizes(request.Object!), WithoutSizes(request.OldObject!)))
            throw request.Forbidden($"node \"{node}\" is not allowed to update fields other than status.quantity and status.conditions");
    }

    private static JsonObject WithoutSizes(JsonObject claim)
    {
        var copy = (JsonObject)claim.DeepClone();
        foreach (var field in (ReadOnlySpan<string>)["capacity", "conditions", "allocatedResourceStatuses", "allocatedResources"]) copy.Object("status")?.Remove(field);
        foreach (var field in (ReadOnlySpan<string>)["resourceVersion", "managedFields"]) copy.Object("metadata")?.Remove(field);
        return copy;
    }

    private void CheckToken(AdmissionRequest request, string node)
    {
        if (request.Operation != AdmissionOperation.Create || request.Subresource != "token") return;
        var spec = request.Object.Object("spec");
        var reference = spec.Object("boundObjectRef");
        if (reference is null || reference.Text("apiVersion") != "v1" || reference.Text("kind") != "Pod" || reference.Text("name").Length == 0) throw request.Forbidden("node requested token not bound to a pod");
        if (reference.Text("uid").Length == 0) throw request.Forbidden("node requested token with a pod binding without a uid");
        var pod = PodOf(request, reference.Text("name"));
        if (pod.Object("metadata").Text("uid") != reference.Text("uid"))
            throw request.Forbidden($"the UID in the bound object reference ({reference.Text("uid")}) does not match the UID in record. The object might have been deleted and then recreated");
        if (pod.Object("spec").Text("nodeName") != node) throw request.Forbidden("node requested token bound to a pod scheduled on a different node");
        CheckAudience(request, pod, [.. spec.Texts("audiences")]);
    }

    /// <summary>A node asks only for audiences that the pod's volumes or their CSI drivers name (KEP-4412).</summary>
    private void CheckAudience(AdmissionRequest request, JsonObject pod, IReadOnlyList<string> audiences)
    {
        if (audiences.Count > 1) throw request.Forbidden("node may only request 0 or 1 audiences");
        var audience = audiences.Count == 0 ? "" : audiences[0];
        List<string> missing = [];
        foreach (var (_, volume) in pod.Object("spec").Items("volumes"))
        {
            foreach (var (_, source) in volume.Object("projected").Items("sources"))
                if (source.Object("serviceAccountToken") is { } token && token.Text("audience") == audience) return;
            if (DriverOf(request, pod, volume, missing) is { Length: > 0 } driver && DriverWants(request, driver, audience, missing)) return;
        }
        // Whoever may ask for any audience waits too, until it is known whether the pod itself has it.
        if (missing.Count > 0) throw request.Forbidden($"error validating audience \"{audience}\": {(missing.Count == 1 ? missing[0] : $"[{string.Join(", ", missing.Distinct())}]")}");
        var question = new AccessAttributes(request.User, "request-serviceaccounts-token-audience", "", "v1", audience, "", request.Namespace, request.Name, true, "");
        if (authorizer.Authorize(question).Decision == AccessDecision.Allow) return;
        throw request.Forbidden($"audience \"{audience}\" not found in pod spec volume, {request.User.Name} is not authorized to request tokens for this audience");
    }

    /// <param name="missing">Gets what is named and does not exist.</param>
    private static string? DriverOf(AdmissionRequest request, JsonObject pod, JsonObject volume, List<string> missing)
    {
        if (volume.Object("csi") is { } csi) return csi.Text("driver");
        var claim = volume.Object("persistentVolumeClaim") is { } named ? named.Text("claimName") : volume.Has("ephemeral") ? $"{pod.ObjectName()}-{volume.Text("name")}" : "";
        if (claim.Length == 0) return null;
        var name = Found("persistentvolumeclaim", new("", "persistentvolumeclaims"), new(request.Namespace, claim), request, missing)?.Object("spec").Text("volumeName");
        return name is null ? null : Found("persistentvolume", new("", "persistentvolumes"), new("", name), request, missing)?.Object("spec").Object("csi").Text("driver");
    }

    private static bool DriverWants(AdmissionRequest request, string driver, string audience, List<string> missing)
    {
        if (Found("csidriver.storage.k8s.io", new("storage.k8s.io", "csidrivers"), new("", driver), request, missing) is not { } found) return false;
        foreach (var (_, wanted) in found.Object("spec").Items("tokenRequests"))
            if (wanted.Text("audience") == audience) return true;
        return false;
    }

    private static JsonObject? Found(string title, GroupResource resource, NamespacedName name, AdmissionRequest request, List<string> missing)
    {
        if (request.Reader.Find(resource, name) is { } found) return found.ToTree();
        missing.Add($"{title} \"{name.Name}\" not found");
        return null;
    }

    private static void CheckLease(AdmissionRequest request, string node)
    {
        if (request.Namespace != "kube-node-lease") throw request.Forbidden("can only access leases in the \"kube-node-lease\" system namespace");
        CheckName(request, node, "can only access node lease with the same name as the requesting node");
    }

    private static void CheckName(AdmissionRequest request, string node, string why)
    {
        var name = request.Operation == AdmissionOperation.Create ? request.Object?.ObjectName() : request.Name;
        if (name != node) throw request.Forbidden(why);
    }

    private static void CheckSlice(AdmissionRequest request, string node)
    {
        if (request.Operation == AdmissionOperation.Create && request.Object.Object("spec").Text("nodeName") != node) throw request.Forbidden("can only create ResourceSlice with the same NodeName as the requesting node");
        if (request.Operation == AdmissionOperation.Delete && request.OldObject.Object("spec").Text("nodeName") != node) throw request.Forbidden("can only delete ResourceSlice with the same NodeName as the requesting node");
    }

    private static void CheckSigningRequest(AdmissionRequest request, string node)
    {
        var spec = request.Object.Object("spec");
        if (request.Operation != AdmissionOperation.Create || spec.Text("signerName") is not ("kubernetes.io/kubelet-serving" or "kubernetes.io/kube-apiserver-client-kubelet")) return;
        if (SigningRequest.Subject(spec.Text("request")) is not { } subject) throw request.Forbidden("unable to parse csr: PEM block type must be CERTIFICATE REQUEST");
        if (CertificateSubject.CommonName(subject) != $"{NodeName.UserPrefix}{node}") throw request.Forbidden($"can only create a node CSR with CN=system:node:{node}");
    }

    private static void CheckPodCertificate(AdmissionRequest request, string node)
    {
        if (request.Operation != AdmissionOperation.Create) throw request.Forbidden($"unexpected operation {Operation(request)}");
        var spec = request.Object.Object("spec");
        if (spec.Text("nodeName") != node) throw request.Forbidden($"PodCertificateRequest.Spec.NodeName=\"{spec.Text("nodeName")}\", which is not the requesting node \"{node}\"");
        var pod = PodOf(request, spec.Text("podName"));
        var name = $"{request.Namespace}/{spec.Text("podName")}";
        if (pod.Object("metadata").Text("uid") != spec.Text("podUID")) throw request.Forbidden($"PodCertificateRequest for pod \"{name}\" contains pod UID (\"{spec.Text("podUID")}\") which differs from running pod \"{pod.Object("metadata").Text("uid")}\"");
        if (pod.Object("spec").Text("nodeName") != node) throw request.Forbidden($"pod \"{name}\" is not running on node \"{node}\" named in the PodCertificateRequest");
        if (pod.Annotations().Has(MirrorAnnotation)) throw request.Forbidden($"pod \"{name}\" is a mirror pod");
        if (pod.Object("spec").Text("serviceAccountName") != spec.Text("serviceAccountName"))
            throw request.Forbidden($"PodCertificateRequest for pod \"{name}\" contains serviceAccountName (\"{spec.Text("serviceAccountName")}\") that differs from running pod (\"{pod.Object("spec").Text("serviceAccountName")}\")");
    }
}
