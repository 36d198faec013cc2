using Bramble.Client;
using Bramble.Controllers.Bootstrap;
using Bramble.Controllers.Certificates;
using Bramble.Controllers.ClusterRoleAggregation;
using Bramble.Controllers.CronJobs;
using Bramble.Controllers.DaemonSets;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.DeviceTaints;
using Bramble.Controllers.Disruption;
using Bramble.Controllers.Endpoints;
using Bramble.Controllers.EphemeralVolumes;
using Bramble.Controllers.GarbageCollection;
using Bramble.Controllers.Jobs;
using Bramble.Controllers.LocalPath;
using Bramble.Controllers.Namespaces;
using Bramble.Controllers.Nodes;
using Bramble.Controllers.NodeTtl;
using Bramble.Controllers.PersistentVolumes;
using Bramble.Controllers.PodAutoscaling;
using Bramble.Controllers.PolicyTypeChecking;
using Bramble.Controllers.ReplicaSets;
using Bramble.Controllers.ResourceClaims;
using Bramble.Controllers.ServiceAccounts;
using Bramble.Controllers.ServiceCidrs;
using Bramble.Controllers.StatefulSets;
using Bramble.Controllers.TtlAfterFinished;
using Bramble.Controllers.VolumeAttachments;

namespace Bramble.Controllers;

/// <summary>The controllers of a cluster. Identities are upstream's service accounts, whose roles exist at bootstrap.</summary>
internal static class BuiltInControllers
{
    public static IReadOnlyList<ControllerDefinition> All(ControllersConfig config) =>
    [
        new("namespace-controller", c => new NamespaceController(c)),
        new("service-account-controller", c => new ServiceAccountController(c)),
        new("root-ca-cert-publisher", c => new RootCaController(c)),
        new("deployment-controller", c => new DeploymentController(c)),
        new("replicaset-controller", c => new ReplicaSetController(c, Resources.ReplicaSets)),
        new("replication-controller", c => new ReplicaSetController(c, Resources.ReplicationControllers)),
        new("daemon-set-controller", c => new DaemonSetController(c)) { EventSource = "daemonset-controller" },
        new("statefulset-controller", c => new StatefulSetController(c)),
        new("job-controller", c => new JobController(c)) { BackOff = JobController.FailuresBackOff },
        new("cronjob-controller", c => new CronJobController(c)),
        new("ttl-after-finished-controller", c => new TtlAfterFinishedController(c)),
        new("disruption-controller", c => new DisruptionController(c)) { EventSource = "controllermanager" },
        new("horizontal-pod-autoscaler", c => new HorizontalPodAutoscalerController(c)),
        new("generic-garbage-collector", c => new GarbageCollector(c)) { EventSource = "garbage-collector-controller" },
        new("endpointslice-controller", c => new EndpointSliceController(c)) { EventSource = "endpoint-slice-controller" },
        new("endpointslicemirroring-controller", c => new EndpointSliceMirroringController(c)) { EventSource = "endpoint-slice-mirroring-controller" },
        new("endpoint-controller", c => new EndpointsController(c)),
        new("node-controller", c => new NodeLifecycleController(c)),
        new("node-controller", c => new TaintEvictionController(c)) { EventSource = "taint-eviction-controller" },
        new("node-controller", c => new NodeIpamController(c)) { IsSerial = true, EventSource = "cidrAllocator" },
        new("ttl-controller", c => new NodeTtlController(c)),
        new("pod-garbage-collector", c => new PodGarbageController(c)),
        new("persistent-volume-binder", c => new VolumeBinder(c)) { IsSerial = true, EventSource = "persistentvolume-controller" },
        new("pvc-protection-controller", c => new ClaimProtectionController(c)),
        new("pv-protection-controller", c => new VolumeProtectionController(c)),
        new("volumeattributesclass-protection-controller", c => new AttributesClassProtectionController(c)),
        new("expand-controller", c => new ClaimExpansionController(c)) { EventSource = "volume_expand" },
        new("attachdetach-controller", c => new AttachmentController(c)) { IsSerial = true },
        new("ephemeral-volume-controller", c => new EphemeralVolumeController(c)) { EventSource = "ephemeral_volume" },
        new("resource-claim-controller", c => new ResourceClaimController(c)) { EventSource = "resource_claim" },
        new("device-taint-eviction-controller", c => new DeviceTaintController(c)),
        new("clusterrole-aggregation-controller", c => new ClusterRoleAggregationController(c)),
        new("validatingadmissionpolicy-status-controller", c => new PolicyTypeCheckingController(c)),
        new("service-cidrs-controller", c => new ServiceCidrController(c)) { EventSource = "service-cidr-controller" },
        // Upstream runs it in the API server, whose addresses they are.
        new("system:apiserver", c => new AddressRepairController(c)) { EventSource = "ipallocator-repair-controller" },
        new("certificate-controller", c => new CertificateController(c, config.Signers)),
        new("token-cleaner", c => new TokenCleaner(c)),
        new("bootstrap-signer", c => new ClusterInfoSigner(c)) { IsSerial = true },
        new("legacy-service-account-token-cleaner", c => new LegacyTokenCleaner(c)) { FirstKeys = ["all"], IsSerial = true },
        .. config.LocalPath is { } local ? [new ControllerDefinition(LocalPathObjects.Account, c => new LocalPathProvisioner(c, local)) { EventSource = $"{LocalPathVolume.Provisioner}_local-path-provisioner" }] : Array.Empty<ControllerDefinition>(),
        // Upstream's own user, not a service account: it makes the accounts' tokens.
        .. config.IssueAccountToken is { } issue ? [new ControllerDefinition("system:kube-controller-manager", c => new TokenSecretController(c, issue))] : Array.Empty<ControllerDefinition>(),
    ];
}
