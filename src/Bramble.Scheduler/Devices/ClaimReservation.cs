using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Devices;

/// <summary>Before a Pod is bound each of its claims says which devices it has and that the Pod uses it; a finalizer keeps the claim while it is allocated.</summary>
internal sealed class ClaimReservation(IReadOnlyList<(DeviceClaim Claim, JsonObject? Allocation)> claims, PodInfo pod, IKubeClient client, DeviceView devices, TimeProvider time) : IReservation
{
    private const string Finalizer = "resource.kubernetes.io/delete-protection";
    private const int AttemptsMax = 5;

    public string Plugin => "DynamicResources";

    public async Task WriteAsync(CancellationToken cancel)
    {
        foreach (var (claim, allocation) in claims) await WriteAsync(claim, allocation, cancel);
    }

    /// <summary>Devices stay promised until the claim is seen with them, or another Pod could be given them in between.</summary>
    public void Fulfilled()
    {
    }

    public void Revert()
    {
        foreach (var (claim, _) in claims) devices.Promise(claim.Uid, null);
    }

    /// <summary>The claims keep their devices, but are not used by the Pod: another one may use them, or they are given up.</summary>
    public async Task UndoAsync(CancellationToken cancel)
    {
        foreach (var (claim, _) in claims)
        {
            var tree = (await client.FindAsync(Resources.ResourceClaims, new NamespacedName(claim.Namespace, claim.Name), cancel))?.ToTree();
            if (tree?["status"]?["reservedFor"] is not JsonArray consumers || consumers.FirstOrDefault(c => (string?)c?["uid"] == pod.Uid) is not { } own) continue;
            consumers.Remove(own);
            await client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
        }
    }

    private async Task WriteAsync(DeviceClaim claim, JsonObject? allocation, CancellationToken cancel)
    {
        var name = new NamespacedName(claim.Namespace, claim.Name);
        for (var attempt = 1; ; attempt++)
        {
            var tree = (await client.FindAsync(Resources.ResourceClaims, name, cancel))?.ToTree();
            if (tree is null || (string?)tree["metadata"]!["uid"] != claim.Uid || tree["metadata"]!["deletionTimestamp"] is not null) throw new SchedulingException($"claim {name} got deleted in the meantime");
            try
            {
                await WriteAsync(tree, name, allocation, cancel);
                return;
            }
            catch (StatusException e) when (e.IsConflict && attempt < AttemptsMax)
            {
                // Somebody else wrote the claim meanwhile: what it says now is looked at.
            }
        }
    }

    private async Task WriteAsync(JsonObject tree, NamespacedName name, JsonObject? allocation, CancellationToken cancel)
    {
        if (tree["status"] is not JsonObject status) tree["status"] = status = [];
        if (allocation is not null)
        {
            if (status["allocation"] is not null) throw new SchedulingException($"claim {name} got allocated elsewhere in the meantime");
            if (tree["metadata"]!["finalizers"] is not JsonArray finalizers) tree["metadata"]!["finalizers"] = finalizers = [];
            if (!finalizers.Any(f => (string?)f == Finalizer))
            {
                finalizers.Add((JsonNode)Finalizer);
                tree = (await client.UpdateAsync(Resources.ResourceClaims, tree, null, cancel)).ToTree();
                if (tree["status"] is not JsonObject written) tree["status"] = written = [];
                status = written;
            }
            status["allocation"] = allocation.DeepClone();
        }
        if (status["allocation"] is not JsonObject known) throw new SchedulingException($"claim {name} got deallocated elsewhere in the meantime");
        known["allocationTimestamp"] ??= KubeTime.Seconds(time.GetUtcNow());
        if (status["reservedFor"] is not JsonArray consumers) status["reservedFor"] = consumers = [];
        if (consumers.Any(c => (string?)c?["uid"] == pod.Uid)) return;
        consumers.Add((JsonNode)new JsonObject { ["resource"] = "pods", ["name"] = pod.Name.Name, ["uid"] = pod.Uid });
        await client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }
}
