using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Placement;
using Bramble.Kubelet.Containers;
using Bramble.Kubelet.Dra.Protocol;
using Bramble.Kubelet.Pods;
using k8s.Models;

namespace Bramble.Kubelet.Dra;

/// <summary>The devices of pods' ResourceClaims (KEP-3063): their drivers prepare them before a pod's sandbox is made and take them back when its last
/// container has ended, before that is told to the API, which may then give them to others. Behaviour of pkg/kubelet/cm/dra. Thread-safe.</summary>
internal sealed class DynamicResources(IKubeClient client, PreparedClaims claims, DraDrivers drivers, DeviceHealths healths)
{
    /// <summary>Pods that have claims here.</summary>
    public IReadOnlyCollection<string> PodUids()
    {
        lock (claims.Gate) return [.. claims.All.SelectMany(c => c.Pods).Distinct()];
    }

    /// <summary>Pods whose claims have one of these devices (<c>pool/device</c>).</summary>
    public IReadOnlyCollection<string> PodsWith(string driver, IReadOnlySet<string> devices)
    {
        lock (claims.Gate)
            return [.. claims.All.Where(c => c.Drivers.TryGetValue(driver, out var given) && given.Any(d => devices.Contains($"{d.Pool}/{d.Name}"))).SelectMany(c => c.Pods).Distinct()];
    }

    /// <exception cref="DynamicResourcesException">With upstream's words.</exception>
    public async Task PrepareAsync(V1Pod pod, CancellationToken cancel)
    {
        var wanted = new List<PreparedClaim>();
        foreach (var name in Names(pod)) wanted.Add(await CheckedAsync(pod, name.Name, name.IsOwned, cancel));
        if (wanted.Count == 0) return;
        // Before anything is noted down: a pod that waits for a driver which never comes can be deleted.
        foreach (var driver in wanted.SelectMany(c => c.Drivers.Keys)) drivers.Get(driver);

        List<PreparedClaim> asked;
        lock (claims.Gate)
        {
            foreach (var claim in wanted)
            {
                if (claims.Find(claim.Namespace, claim.Name) is not { } known) continue;
                if (known.Uid != claim.Uid)
                    throw new DynamicResourcesException($"old ResourceClaim with same name {claim.Name} and different UID {known.Uid} still exists (previous pod force-deleted?!)");
                if (known.IsEnding) throw new DynamicResourcesException($"ResourceClaim {claim.Name}: still being unprepared for another pod");
            }
            for (var i = 0; i < wanted.Count; i++)
            {
                if (claims.Find(wanted[i].Namespace, wanted[i].Name) is { } known) wanted[i] = known;
                else claims.Add(wanted[i]);
                wanted[i].Pods.Add(pod.Uid());
            }
            claims.Save();
            asked = [.. wanted.Where(c => !c.IsPrepared)];
        }
        foreach (var driver in asked.SelectMany(c => c.Drivers.Keys).Distinct().ToList())
            await PrepareAsync(drivers.Get(driver), [.. asked.Where(c => c.Drivers.ContainsKey(driver))], cancel);
        lock (claims.Gate)
        {
            foreach (var claim in asked) claim.IsPrepared = true;
            claims.Save();
        }
    }

    /// <summary>The pod has ended, or was never known to this start: claims that nobody else uses are taken back. Nothing to do is no error.</summary>
    /// <exception cref="DynamicResourcesException">With upstream's words.</exception>
    public async Task UnprepareAsync(string podUid, CancellationToken cancel)
    {
        List<PreparedClaim> ending = [];
        lock (claims.Gate)
        {
            foreach (var claim in claims.All.Where(c => c.Pods.Contains(podUid)))
            {
                if (claim.Pods.Count > 1) claim.Pods.Remove(podUid);
                else ending.Add(claim);
            }
            foreach (var claim in ending) (claim.IsEnding, claim.IsPrepared) = (true, false);
        }
        try
        {
            foreach (var driver in ending.SelectMany(c => c.Drivers.Keys).Distinct().ToList())
                await UnprepareAsync(drivers.Get(driver), [.. ending.Where(c => c.Drivers.ContainsKey(driver))], cancel);
            lock (claims.Gate)
                foreach (var claim in ending) claims.Remove(claim);
        }
        finally
        {
            lock (claims.Gate)
            {
                foreach (var claim in ending) claim.IsEnding = false;
                claims.Save();
            }
        }
    }

    /// <summary>The CDI names of a container's devices.</summary>
    /// <exception cref="ContainerConfigException">Its claim is not prepared here.</exception>
    public IReadOnlyList<string> Devices(V1Pod pod, V1Container container)
    {
        List<string> ids = [];
        foreach (var (claim, request) in Requests(pod, container))
        {
            lock (claims.Gate)
            {
                var known = claims.Find(pod.Namespace(), claim)
                    ?? throw new ContainerConfigException($"internal error: unable to get claim info for ResourceClaim {claim} in namespace {pod.Namespace()}");
                foreach (var id in known.Drivers.Values.SelectMany(d => d).Where(d => IsFor(d, request)).SelectMany(d => d.CdiIds))
                    if (!ids.Contains(id)) ids.Add(id);
            }
        }
        return ids;
    }

    /// <summary>Writes the health of the containers' devices into a status (KEP-4680).</summary>
    public void AddHealth(V1Pod pod, V1PodStatus status)
    {
        foreach (var container in pod.Spec.Containers)
        {
            if (container.Resources?.Claims is not { Count: > 0 } wanted || status.ContainerStatuses.FirstOrDefault(s => s.Name == container.Name) is not { } shown) continue;
            var all = wanted.Select(c => Health(pod, c)).Where(s => s.Resources.Count > 0).ToList();
            shown.AllocatedResourcesStatus = all.Count > 0 ? all : null;
        }
    }

    private V1ResourceStatus Health(V1Pod pod, Corev1ResourceClaim wanted)
    {
        var status = new V1ResourceStatus { Name = string.IsNullOrEmpty(wanted.Request) ? $"claim:{wanted.Name}" : $"claim:{wanted.Name}/{wanted.Request}", Resources = [] };
        if ((pod.Spec.ResourceClaims ?? []).FirstOrDefault(c => c.Name == wanted.Name) is not { } claim || !ClaimNames.TryGet(pod, claim, out var name) || name is null) return status;
        lock (claims.Gate)
        {
            foreach (var (driver, devices) in claims.Find(pod.Namespace(), name)?.Drivers ?? [])
            {
                foreach (var device in devices.Where(d => IsFor(d, wanted.Request)))
                {
                    var id = device.CdiIds.Count > 0 ? device.CdiIds[0] : $"{driver}/{device.Pool}/{device.Name}";
                    var (health, message) = healths.Of(driver, device.Pool, device.Name);
                    if (status.Resources.All(r => r.ResourceID != id)) status.Resources.Add(new V1ResourceHealth { ResourceID = id, Health = health, Message = message });
                }
            }
        }
        return status;
    }

    /// <summary>Whether a device was prepared for what a container asks of its claim. A request of which one of several alternatives was taken (KEP-4816) has two
    /// names, <c>main</c> and <c>main/sub</c>: each stands for the other. Pure.</summary>
    public static bool IsFor(PreparedDevice device, string? request) =>
        string.IsNullOrEmpty(request) || device.Requests.Count == 0 || device.Requests.Any(r => r == request || Whole(r) == request || r == Whole(request));

    private static string Whole(string request) => request.Split('/')[0];

    /// <summary>The claims that a pod needs here, by name.</summary>
    private static IEnumerable<(string Name, bool IsOwned)> Names(V1Pod pod)
    {
        foreach (var claim in pod.Spec.ResourceClaims ?? [])
        {
            if (!ClaimNames.TryGet(pod, claim, out var name)) throw new DynamicResourcesException($"pod \"{pod.Namespace()}/{pod.Name()}\": ResourceClaim not created yet");
            if (name is not null) yield return (name, claim.ResourceClaimName is null);
        }
        // Made by the scheduler for extended resources that drivers have (KEP-5004).
        if (pod.Status?.ExtendedResourceClaimStatus?.ResourceClaimName is { } extended) yield return (extended, false);
    }

    /// <summary>What a container asks of which claim; no request: all of it.</summary>
    private static IEnumerable<(string Claim, string? Request)> Requests(V1Pod pod, V1Container container)
    {
        foreach (var wanted in container.Resources?.Claims ?? [])
            if ((pod.Spec.ResourceClaims ?? []).FirstOrDefault(c => c.Name == wanted.Name) is { } claim && ClaimNames.TryGet(pod, claim, out var name) && name is not null)
                yield return (name, wanted.Request);
        if (pod.Status?.ExtendedResourceClaimStatus is not { } extended) yield break;
        foreach (var mapping in extended.RequestMappings ?? [])
            if (mapping.ContainerName == container.Name && PodSpecs.Amount(container.Resources?.Requests, mapping.ResourceName) > 0)
                yield return (extended.ResourceClaimName, mapping.RequestName);
    }

    private async Task<PreparedClaim> CheckedAsync(V1Pod pod, string name, bool isOwned, CancellationToken cancel)
    {
        var claim = await client.FindModelAsync(Resources.ResourceClaims, new NamespacedName(pod.Namespace(), name), cancel)
            ?? throw new DynamicResourcesException($"fetch ResourceClaim {name}: resourceclaims.resource.k8s.io \"{name}\" not found");
        if (isOwned && claim.Metadata.OwnerReferences?.Any(owner => owner.Controller == true && owner.Uid == pod.Uid()) != true)
            throw new DynamicResourcesException($"ResourceClaim {pod.Namespace()}/{name} was not created for Pod {pod.Namespace()}/{pod.Name()} (Pod is not owner)");
        if (claim.Status?.ReservedFor?.Any(consumer => consumer.Uid == pod.Uid()) != true)
            throw new DynamicResourcesException($"pod {pod.Name()} ({pod.Uid()}) is not allowed to use ResourceClaim {name} ({claim.Metadata.Uid})");
        if (claim.Status.Allocation is not { } allocation) throw new DynamicResourcesException($"ResourceClaim {name}: not allocated");
        var wanted = new PreparedClaim(pod.Namespace(), name, claim.Metadata.Uid);
        foreach (var result in allocation.Devices?.Results ?? []) wanted.Drivers[result.Driver] = [];
        return wanted;
    }

    private async Task PrepareAsync(DraPlugin plugin, List<PreparedClaim> asked, CancellationToken cancel)
    {
        var request = new NodePrepareResourcesRequest();
        request.Claims.Add(asked.Select(Named));
        var response = await plugin.PrepareAsync(request, cancel);
        foreach (var (uid, result) in response.Claims)
        {
            var claim = asked.Find(c => c.Uid == uid) ?? throw new DynamicResourcesException($"NodePrepareResources returned result for unknown claim UID {uid}");
            if (result.Error.Length > 0) throw new DynamicResourcesException($"NodePrepareResources failed for ResourceClaim {claim.Name}: {result.Error}");
            lock (claims.Gate)
            {
                claim.Drivers[plugin.Driver] = [.. result.Devices.Select(d => new PreparedDevice
                {
                    Pool = d.PoolName,
                    Name = d.DeviceName,
                    ShareId = d.HasShareId ? d.ShareId : null,
                    Requests = [.. d.RequestNames],
                    CdiIds = [.. d.CdiDeviceIds],
                })];
            }
        }
        if (asked.Count != response.Claims.Count) throw new DynamicResourcesException($"NodePrepareResources skipped {asked.Count - response.Claims.Count} ResourceClaims");
    }

    private static async Task UnprepareAsync(DraPlugin plugin, List<PreparedClaim> asked, CancellationToken cancel)
    {
        var request = new NodeUnprepareResourcesRequest();
        request.Claims.Add(asked.Select(Named));
        var response = await plugin.UnprepareAsync(request, cancel);
        foreach (var (uid, result) in response.Claims)
        {
            var claim = asked.Find(c => c.Uid == uid) ?? throw new DynamicResourcesException($"NodeUnprepareResources returned result for unknown claim UID {uid}");
            if (result.Error.Length > 0) throw new DynamicResourcesException($"NodeUnprepareResources failed for ResourceClaim {claim.Name}: {result.Error}");
        }
        if (asked.Count != response.Claims.Count) throw new DynamicResourcesException($"NodeUnprepareResources skipped {asked.Count - response.Claims.Count} ResourceClaims");
    }

    private static Claim Named(PreparedClaim claim) => new() { Namespace = claim.Namespace, Uid = claim.Uid, Name = claim.Name };
}
