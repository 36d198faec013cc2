using Bramble.Client;
using Bramble.Controllers.Deployments;
using Bramble.Controllers.ReplicaSets;

namespace Bramble.Controllers;

/// <summary>The controllers of a cluster. Identities are upstream's service accounts, whose roles exist at bootstrap.</summary>
internal static class BuiltInControllers
{
    public static readonly IReadOnlyList<ControllerDefinition> All =
    [
        new("deployment-controller", c => new DeploymentController(c)),
        new("replicaset-controller", c => new ReplicaSetController(c, Resources.ReplicaSets)),
        new("replication-controller", c => new ReplicaSetController(c, Resources.ReplicationControllers)),
    ];
}
