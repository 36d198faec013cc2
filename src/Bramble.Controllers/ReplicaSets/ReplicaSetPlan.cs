using System.Text.Json.Nodes;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.ReplicaSets;

/// <summary>How many Pods a set makes or which it removes. Pure.</summary>
/// <param name="Creates">How many.</param>
/// <param name="Deletes">Those that go, in this order.</param>
internal sealed record ReplicaSetPlan(int Creates, IReadOnlyList<V1Pod> Deletes)
{
    /// <summary>Pods made or removed in one go.</summary>
    public const int BurstMax = 500;

    private static readonly ReplicaSetPlan Nothing = new(0, []);

    /// <param name="active">Its Pods that have neither ended nor are ending.</param>
    /// <param name="related">See <see cref="DeletionOrder.First"/>; asked only when Pods are to go.</param>
    public static ReplicaSetPlan Decide(JsonObject set, IReadOnlyList<V1Pod> active, Func<IReadOnlyList<V1Pod>> related, DateTimeOffset now)
    {
        // Who goes makes nothing and leaves its Pods to the garbage collector.
        if (set["metadata"]!["deletionTimestamp"] is not null) return Nothing;
        var spec = set["spec"]!;
        var missing = ((int?)spec["replicas"] ?? 1) - active.Count;
        if (missing > 0) return new(Math.Min(missing, BurstMax), []);
        return missing == 0 ? Nothing : new(0, DeletionOrder.First(active, related(), Math.Min(-missing, BurstMax), now, (int?)spec["minReadySeconds"] ?? 0));
    }
}
