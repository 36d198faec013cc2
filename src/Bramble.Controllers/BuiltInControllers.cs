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
        new("namespace-controller", "namespace", c => new NamespaceController(c)),
        new("service-account-controller", "serviceaccount", c => new ServiceAccountController(c)),
        new("root-ca-cert-publisher", "root_ca_cert_publisher", c => new RootCaController(c)),
        new("deployment-controller", "deployment", c => new DeploymentController(c)),
        new("replicaset-controller", "replicaset", c => new ReplicaSetController(c, Resources.ReplicaSets)),
        new("replication-controller", "replicationmanager", c => new ReplicaSetController(c, Resources.ReplicationControllers)),
        new("daemon-set-controller", "daemonset", c => new DaemonSetController(c)) { EventSource = "daemonset-controller" },
        new("statefulset-controller", "statefulset", c => new StatefulSetController(c)),
        new("job-controller", "job", c => new JobController(c)),
        new("cronjob-controller", "cronjob", c => new CronJobController(c)),
        new("ttl-after-finished-controller", "ttl_jobs_to_delete", c => new TtlAfterFinishedController(c)),
        new("disruption-controller", "disruption", c => new DisruptionController(c)) { EventSource = "controllermanager" },
        new("horizontal-pod-autoscaler", "horizontalpodautoscaler", c => new HorizontalPodAutoscalerController(c)),
        new("generic-garbage-collector", "garbage_collector_attempt_to_delete", c => new GarbageCollector(c)) { EventSource = "garbage-collector-controller" },
        new("endpointslice-controller", "endpoint_slice", c => new EndpointSliceController(c)) { EventSource = "endpoint-slice-controller" },
        new("endpointslicemirroring-controller", "endpoint_slice_mirroring", c => new EndpointSliceMirroringController(c)) { EventSource = "endpoint-slice-mirroring-controller" },
        new("endpoint-controller", "endpoint", c => new EndpointsController(c)),
        new("node-controller", "node_lifecycle_controller", c => new NodeLifecycleController(c)),
        new("node-controller", "noexec_taint_pod", c => new TaintEvictionController(c)) { EventSource = "taint-eviction-controller" },
        new("node-controller", "cidrallocator_node", c => new NodeIpamController(c)) { IsSerial = true, EventSource = "cidrAllocator" },
        new("ttl-controller", "ttlcontroller", c => new NodeTtlController(c)),
        new("pod-garbage-collector", "orphaned_pods_nodes", c => new PodGarbageController(c)),
        new("persistent-volume-binder", "claims", c => new VolumeBinder(c)) { IsSerial = true, EventSource = "persistentvolume-controller" },
        new("pvc-protection-controller", "pvcprotection", c => new ClaimProtectionController(c)),
        new("pv-protection-controller", "pvprotection", c => new VolumeProtectionController(c)),
        new("volumeattributesclass-protection-controller", "vacprotection", c => new AttributesClassProtectionController(c)),
        new("expand-controller", "volume_expand", c => new ClaimExpansionController(c)) { EventSource = "volume_expand" },
        new("attachdetach-controller", "pvcs", c => new AttachmentController(c)) { IsSerial = true },
        new("ephemeral-volume-controller", "ephemeral_volume", c => new EphemeralVolumeController(c)) { EventSource = "ephemeral_volume" },
        new("resource-claim-controller", "resource_claim", c => new ResourceClaimController(c)) { EventSource = "resource_claim" },
        new("device-taint-eviction-controller", "device-taint-eviction", c => new DeviceTaintController(c)),
        new("clusterrole-aggregation-controller", "ClusterRoleAggregator", c => new ClusterRoleAggregationController(c)),
        new("validatingadmissionpolicy-status-controller", "validatingadmissionpolicy-status", c => new PolicyTypeCheckingController(c)),
        new("service-cidrs-controller", "ipaddresses", c => new ServiceCidrController(c)) { EventSource = "service-cidr-controller" },
        // Upstream runs it in the API server, whose addresses they are.
        new("system:apiserver", "ipaddresses_repair", c => new AddressRepairController(c)) { EventSource = "ipallocator-repair-controller" },
        new("system:apiserver", "nodeports_repair", c => new NodePortRepairController(c)) { IsSerial = true, EventSource = "portallocator-repair-controller" },
        new("certificate-controller", "certificate", c => new CertificateController(c, config.Signers)),
        new("token-cleaner", "token_cleaner", c => new TokenCleaner(c)),
        new("bootstrap-signer", "bootstrap_signer_queue", c => new ClusterInfoSigner(c)) { IsSerial = true },
        new("legacy-service-account-token-cleaner", "legacy_service_account_token_cleaner", c => new LegacyTokenCleaner(c)) { FirstKeys = ["all"], IsSerial = true },
        .. config.LocalPath is { } local ? [new ControllerDefinition(LocalPathObjects.Account, "local_path", c => new LocalPathProvisioner(c, local)) { EventSource = $"{LocalPathVolume.Provisioner}_local-path-provisioner" }] : Array.Empty<ControllerDefinition>(),
        // Upstream's own user, not a service account: it makes the accounts' tokens.
        .. config.IssueAccountToken is { } issue ? [new ControllerDefinition("system:kube-controller-manager", "serviceaccount_tokens_service", c => new TokenSecretController(c, issue))] : Array.Empty<ControllerDefinition>(),
    ];
}
