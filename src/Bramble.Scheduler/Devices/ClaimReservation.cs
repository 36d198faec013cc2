using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Scheduler.Plugins;
using Bramble.Scheduler.State;

namespace Bramble.Scheduler.Devices;

/// <summary>A claim of a Pod, and what it gets.</summary>
/// <param name="allocation">Null: it has its devices already.</param>
/// <param name="mappings">Of the claim that is made for the Pod's extended resources: what each of its requests stands for.</param>
internal sealed class ReservedClaim(DeviceClaim claim, JsonObject? allocation, JsonArray? mappings = null)
{
    public DeviceClaim Claim { get; } = claim;
    public JsonObject? Allocation { get; } = allocation;
    public JsonArray? Mappings { get; } = mappings;
}

/// <summary>Before a Pod is bound each of its claims says which devices it has and that the Pod uses it; a finalizer keeps the claim while it is allocated. The claim of its extended
/// resources is made now. Then the drivers do what their devices need before the Pod comes (KEP-5007), for as long as the profile allows.</summary>
internal sealed class ClaimReservation(
    IReadOnlyList<ReservedClaim> claims, PodInfo pod, string node, IKubeClient client, DeviceView devices, TimeSpan patience, TimeProvider time) : IReservation
{
    private const string Finalizer = "resource.kubernetes.io/delete-protection";
    private const string Timeout = "device binding timeout";
    private const int AttemptsMax = 5;

    private readonly List<NamespacedName> _names = [];
    private readonly HashSet<string> _written = new(StringComparer.Ordinal);      // uids of claims that the API has with what they got
    private KubeObject? _made;

    public string Plugin => "DynamicResources";

    public async Task WriteAsync(BindingReport report, CancellationToken cancel)
    {
        var mustWait = false;
        foreach (var one in claims)
        {
            var name = one.Mappings is null ? new NamespacedName(one.Claim.Namespace, one.Claim.Name) : (_made = await MakeAsync(one.Claim.Tree, report, cancel)).Name;
            _names.Add(name);
            if (one.Allocation is not null || !one.Claim.IsReservedFor(pod.Uid)) await WriteAsync(one, name, cancel);
            if (one.Mappings is { } mappings) await TellPodAsync(name, mappings, cancel);
            mustWait |= DeviceClaim.AreConditional(one.Allocation ?? one.Claim.Allocation);
        }
        if (!mustWait) return;
        report.Tell("BindingConditionsPending", $"waiting for binding conditions for device on node {node}");
        var (status, since) = ("error", time.GetTimestamp());
        try
        {
            var failure = await ReadyAsync(cancel);
            status = failure is null ? "success" : failure.StartsWith(Timeout, StringComparison.Ordinal) ? "timeout" : "failure";
            if (failure is not null) throw new SchedulingException(failure);
        }
        finally
        {
            foreach (var one in claims) report.DevicesWaited(one.Allocation ?? one.Claim.Allocation, status, time.GetElapsedTime(since));
        }
    }

    /// <summary>Devices stay promised until the claim is seen with them, or another Pod could be given them in between.</summary>
    public void Fulfilled()
    {
    }

    /// <summary>What was written stays promised until it is seen: the claim keeps its devices.</summary>
    public void Revert()
    {
        foreach (var one in claims)
            if (one.Allocation is not null && !_written.Contains(one.Claim.Uid)) devices.Promise(one.Claim.Uid, null);
    }

    /// <summary>The claims keep their devices, but are not used by the Pod: another one may use them, or they are given up. The one that was made for the Pod goes.</summary>
    public async Task UndoAsync(CancellationToken cancel)
    {
        foreach (var one in claims)
        {
            if (one.Mappings is not null || !(_written.Contains(one.Claim.Uid) || one.Claim.IsReservedFor(pod.Uid))) continue;
            try
            {
                await client.StrategicPatchAsync(Resources.ResourceClaims, new NamespacedName(one.Claim.Namespace, one.Claim.Name), new JsonObject
                {
                    ["metadata"] = new JsonObject { ["uid"] = one.Claim.Uid },
                    ["status"] = new JsonObject { ["reservedFor"] = new JsonArray((JsonNode)new JsonObject { ["$patch"] = "delete", ["uid"] = pod.Uid }) },
                }, "status", cancel);
            }
            catch (StatusException e) when (e.IsNotFound || e.IsConflict)
            {
                // It went meanwhile, or another has its name: nothing of the Pod's is left in it.
            }
        }

        if (_made is { } made) await DeleteAsync(client, made.Name, cancel);
    }

    /// <summary>A claim that was made for a Pod's extended resources goes with its devices.</summary>
    public static async Task DeleteAsync(IKubeClient client, NamespacedName name, CancellationToken cancel)
    {
        for (var attempt = 1; ; attempt++)
        {
            if (await client.FindAsync(Resources.ResourceClaims, name, cancel) is not { } found) return;
            try
            {
                var tree = found.ToTree();
                if (tree["metadata"]!["finalizers"] is JsonArray finalizers && finalizers.FirstOrDefault(f => (string?)f == Finalizer) is { } own)
                {
                    finalizers.Remove(own);
                    await client.UpdateAsync(Resources.ResourceClaims, tree, null, cancel);
                }

                await client.DeleteAsync(Resources.ResourceClaims, name, new DeleteQuery(Uid: found.Uid), cancel);
                return;
            }
            catch (StatusException e) when (e.IsConflict && attempt < AttemptsMax)
            {
                // Somebody else wrote the claim meanwhile: its newest version goes.
            }
        }
    }

    private async Task<KubeObject> MakeAsync(JsonObject claim, BindingReport report, CancellationToken cancel)
    {
        var tree = claim.DeepClone().AsObject();
        foreach (var field in (ReadOnlySpan<string>)["name", "uid"]) tree["metadata"]!.AsObject().Remove(field);
        try
        {
            var made = await client.CreateAsync(Resources.ResourceClaims, tree, cancel);
            report.ClaimMade(true);
            return made;
        }
        catch (StatusException e)
        {
            report.ClaimMade(false);
            throw new SchedulingException($"create claim for extended resources {pod.Name.Namespace}/: {e.Message}");
        }
    }

    private async Task TellPodAsync(NamespacedName claim, JsonArray mappings, CancellationToken cancel)
    {
        try
        {
            await client.StrategicPatchAsync(Resources.Pods, pod.Name, new JsonObject
            {
                ["metadata"] = new JsonObject { ["uid"] = pod.Uid },
                ["status"] = new JsonObject
                {
                    ["extendedResourceClaimStatus"] = new JsonObject { ["requestMappings"] = mappings.DeepClone(), ["resourceClaimName"] = claim.Name },
                },
            }, "status", cancel);
        }
        catch (StatusException e)
        {
            throw new SchedulingException($"update pod {pod.Name} ExtendedResourceClaimStatus: {e.Message}");
        }
    }

    /// <summary>Until the claims' devices are what their drivers promised to make of them.</summary>
    /// <returns>Null: they are; else a driver failed, or took too long, and the next try gives these devices up.</returns>
    private async Task<string?> ReadyAsync(CancellationToken cancel)
    {
        string? failure = null;
        using var bounded = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        var now = time.GetUtcNow();
        var until = now + patience;
        foreach (var one in claims)
            if (one is { Allocation: null, Claim.HasBindingConditions: true } && one.Claim.WaitsUntil(patience) is { } end && end < until) until = end;
        using var timer = time.CreateTimer(_ => bounded.Cancel(), null, until > now ? until - now : TimeSpan.Zero, System.Threading.Timeout.InfiniteTimeSpan);
        try
        {
            await devices.WaitUntilAsync(() => AreReady() || failure is not null, bounded.Token);
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            failure ??= $"{Timeout}: claim={Unready()}";
        }
        return failure;

        // What is not seen with its devices yet is not ready.
        bool AreReady() => _names.TrueForAll(name => devices.FindNewest(name) is { Allocation: not null } claim && claim.IsReady(time.GetUtcNow(), patience, out failure));

        string Unready() => _names.Find(name => devices.FindNewest(name) is not { } claim || !claim.IsReady(time.GetUtcNow(), patience, out _)).Name;
    }

    private async Task WriteAsync(ReservedClaim one, NamespacedName name, CancellationToken cancel)
    {
        var tree = one.Mappings is null ? one.Claim.Tree.DeepClone().AsObject() : _made!.ToTree();
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await WriteAsync(tree, name, one.Allocation, cancel);
                _written.Add(one.Claim.Uid);
                return;
            }
            catch (StatusException e) when (e.IsConflict && attempt < AttemptsMax)
            {
                // Somebody else wrote the claim meanwhile: what it says now is looked at.
                tree = (await client.FindAsync(Resources.ResourceClaims, name, cancel))?.ToTree()
                    ?? throw new SchedulingException($"get updated claim {name} after conflict: {Resources.ResourceClaims.GroupResource} \"{name.Name}\" not found");
                if (one.Mappings is null && (string?)tree["metadata"]!["uid"] != one.Claim.Uid) throw new SchedulingException($"claim {name} got deleted in the meantime");
            }
            catch (StatusException e)
            {
                throw new SchedulingException($"add {(one.Allocation is null ? "reservation" : "allocation and reservation")} to claim {name}: {e.Message}");
            }
        }
    }

    private async Task WriteAsync(JsonObject tree, NamespacedName name, JsonObject? allocation, CancellationToken cancel)
    {
        if (tree["metadata"]!["deletionTimestamp"] is not null) throw new SchedulingException($"claim {name} got deleted in the meantime");
        if (allocation is not null)
        {
            if (tree["status"]?["allocation"] is not null) throw new SchedulingException($"claim {name} got allocated elsewhere in the meantime");
            tree = await ProtectAsync(tree, name, cancel);
        }

        if (tree["status"] is not JsonObject status) tree["status"] = status = [];
        if (allocation is not null) status["allocation"] = allocation.DeepClone();
        if (status["allocation"] is not JsonObject known) throw new SchedulingException($"claim {name} got deallocated elsewhere in the meantime");
        known["allocationTimestamp"] ??= KubeTime.Seconds(time.GetUtcNow());
        if (status["reservedFor"] is not JsonArray consumers) status["reservedFor"] = consumers = [];
        if (consumers.Any(c => (string?)c?["uid"] == pod.Uid)) return;
        consumers.Add((JsonNode)new JsonObject { ["resource"] = "pods", ["name"] = pod.Name.Name, ["uid"] = pod.Uid });
        await client.UpdateAsync(Resources.ResourceClaims, tree, "status", cancel);
    }

    /// <summary>An allocated claim has a finalizer: its devices are given back before it goes.</summary>
    private async Task<JsonObject> ProtectAsync(JsonObject tree, NamespacedName name, CancellationToken cancel)
    {
        if (tree["metadata"]!["finalizers"] is not JsonArray finalizers) tree["metadata"]!["finalizers"] = finalizers = [];
        if (finalizers.Any(f => (string?)f == Finalizer)) return tree;
        finalizers.Add((JsonNode)Finalizer);
        try
        {
            return (await client.UpdateAsync(Resources.ResourceClaims, tree, null, cancel)).ToTree();
        }
        catch (StatusException e) when (!e.IsConflict)
        {
            throw new SchedulingException($"add finalizer to claim {name}: {e.Message}");
        }
    }
}
