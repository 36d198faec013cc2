using Bramble.Client;
using Bramble.Controllers.CronJobs;
using Bramble.Controllers.DaemonSets;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.Endpoints;
using Bramble.Controllers.GarbageCollection;
using Bramble.Controllers.Jobs;
using Bramble.Controllers.Namespaces;
using Bramble.Controllers.Nodes;
using Bramble.Controllers.ReplicaSets;
using Bramble.Controllers.ServiceAccounts;
using Bramble.Controllers.StatefulSets;
using Bramble.Controllers.TtlAfterFinished;

namespace Bramble.Controllers;

/// <summary>The controllers of a cluster. Identities are upstream's service accounts, whose roles exist at bootstrap.</summary>
internal static class BuiltInControllers
{
    public static readonly IReadOnlyList<ControllerDefinition> All =
    [
        new("namespace-controller", c => new NamespaceController(c)),
        new("service-account-controller", c => new ServiceAccountController(c)),
        new("root-ca-cert-publisher", c => new RootCaController(c)),
        new("deployment-controller", c => new DeploymentController(c)),
        new("replicaset-controller", c => new ReplicaSetController(c, Resources.ReplicaSets)),
        new("replication-controller", c => new ReplicaSetController(c, Resources.ReplicationControllers)),
        new("daemon-set-controller", c => new DaemonSetController(c)) { EventSource = "daemonset-controller" },
        new("statefulset-controller", c => new StatefulSetController(c)),
        new("job-controller", c => new JobController(c)),
        new("cronjob-controller", c => new CronJobController(c)),
        new("ttl-after-finished-controller", c => new TtlAfterFinishedController(c)),
        new("generic-garbage-collector", c => new GarbageCollector(c)),
        new("endpointslice-controller", c => new EndpointSliceController(c)) { EventSource = "endpoint-slice-controller" },
        new("endpoint-controller", c => new EndpointsController(c)),
        new("node-controller", c => new NodeLifecycleController(c)),
        new("node-controller", c => new TaintEvictionController(c)) { EventSource = "taint-eviction-controller" },
        new("node-controller", c => new NodeIpamController(c)) { IsSerial = true, EventSource = "cidrAllocator" },
        new("pod-garbage-collector", c => new PodGarbageController(c)),
    ];
}
