using System.Collections.Concurrent;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.VolumeAttachments;

/// <summary>Has the drivers' attachers attach volumes to the nodes whose Pods use them, by way of VolumeAttachments, and detach them again. Keys are nodes.</summary>
internal sealed class AttachmentController : IReconciler
{
    /// <summary>Nodes whose kubelet leaves the attaching to us.</summary>
    public const string Managed = "volumes.kubernetes.io/controller-managed-attach-detach";

    private const string ByNode = "pods/nodeWithClaims";

    private readonly ControllerContext _context;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;
    private readonly IInformer<V1PersistentVolume> _volumes;
    private readonly IInformer<V1Node> _nodes;
    private readonly IInformer<KubeObject> _attachments;
    private readonly IInformer<KubeObject> _drivers;

    /// <summary>When an attachment was seen first, by its uid: since then its driver has been waited for. On the monotonic clock, as what follows.</summary>
    private readonly ConcurrentDictionary<string, long> _seen = new(StringComparer.Ordinal);

    /// <summary>Since when nobody has wanted an attachment, by its uid. A clock that jumps takes no volume from a node that may have it mounted.</summary>
    private readonly ConcurrentDictionary<string, long> _undesired = new(StringComparer.Ordinal);

    /// <summary>What a Pod was told last of a volume.</summary>
    private readonly ConcurrentDictionary<(string Pod, string Volume), Told> _told = new();

    /// <summary>What the kubelets of nodes that are gone had mounted last.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlySet<string>> _lastInUse = new(StringComparer.Ordinal);

    public AttachmentController(ControllerContext context)
    {
        _context = context;
        _volumes = context.Reads(Resources.PersistentVolumes);
        _pods = context.Watches(Resources.Pods, change =>
        {
            foreach (var pod in (V1Pod?[])[change.Old, change.New])
                if (pod?.Spec.NodeName is { Length: > 0 } node && HasClaims(pod)) Add(node);
            if (change.New is null)
                foreach (var known in _told.Keys.Where(k => k.Pod == change.Old!.Metadata.Uid)) _told.TryRemove(known, out _);
        });
        _pods.AddIndex(ByNode, p => p.Spec.NodeName is { Length: > 0 } node && HasClaims(p) ? [node] : []);
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            // A claim that is bound after its Pod was placed.
            if (change.New is not { Status.Phase: "Bound" } || change.Old?.Status?.Phase == "Bound") return;
            foreach (var pod in _pods.List(change.Name.Namespace))
                if (pod.Spec.NodeName is { Length: > 0 } node && pod.ClaimNames().Contains(change.Name.Name)) Add(node);
        });
        _nodes = context.Watches(Resources.Nodes, change =>
        {
            if (change.New is null) _lastInUse[change.Name.Name] = InUse(change.Old!);
            else _lastInUse.TryRemove(change.Name.Name, out _);
            Add(change.Name.Name);
        });
        _drivers = context.WatchesObjects(Resources.CSIDrivers, _ => AddAll());
        _attachments = context.WatchesObjects(Resources.VolumeAttachments, change =>
        {
            Add(NodeOf(change.New ?? change.Old!));
            // What it held is free for others.
            if (change.New is null)
            {
                _undesired.TryRemove(change.Old!.Uid, out _);
                _seen.TryRemove(change.Old.Uid, out _);
                AddAll();
            }
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        var node = _nodes.Find(name);
        var attachments = _attachments.List();
        var wanted = node?.Metadata.Annotations?.ContainsKey(Managed) == true ? Wanted(name.Name) : [];
        if (wanted.Count == 0 && attachments.All(a => NodeOf(a) != name.Name))
        {
            _lastInUse.TryRemove(name.Name, out _);
            return Requeue.Never;
        }
        var here = attachments.Where(a => NodeOf(a) == name.Name).Select(a => Read(a, wanted)).OfType<KnownAttachment>().ToList();
        var elsewhere = attachments.Where(a => NodeOf(a) != name.Name).Select(a => Read(a, null)).OfType<KnownAttachment>().ToList();
        var facts = new AttachingNode(name.Name, node?.Status?.Conditions?.Any(c => c is { Type: "Ready", Status: "True" }) == true,
            node?.Spec?.Taints?.Any(t => t.Key == "node.kubernetes.io/out-of-service") == true,
            // A machine may run on when its node is gone: unless it is known better, all is mounted there still.
            node is not null ? InUse(node) : _lastInUse.TryGetValue(name.Name, out var last) ? last : here.Select(a => a.UniqueName).Where(n => n.Length > 0).ToHashSet(StringComparer.Ordinal),
            _context.Config.ForcesDetach);
        var actions = AttachmentPlan.Decide(facts, wanted, here, elsewhere, UsersOn);

        // First the node's status: a kubelet must not start to mount what is about to leave.
        if (node is not null) await ReportAsync(node, AttachmentPlan.Reported(facts, here, actions), cancel);
        var requeue = Requeue.Never;
        V1Node? live = null;
        foreach (var action in actions)
        {
            switch (action)
            {
                case AttachAction.Attach(var volume):
                    await AttachAsync(volume, name.Name, cancel);
                    break;
                case AttachAction.Detach(var attachment):
                    // The kubelet may have begun to mount it before it was told: only the API's own node shows that. Its change brings us here again.
                    var unique = here.First(a => a.Name == attachment).UniqueName;
                    if (node is not null && !facts.IsOutOfService && !facts.InUse.Contains(unique))
                    {
                        live ??= await _context.Client.FindModelAsync(Resources.Nodes, name, cancel);
                        if (live is null || live.Status?.VolumesInUse?.Contains(unique) == true) break;
                    }
                    await _context.Client.DeleteAsync(Resources.VolumeAttachments, new NamespacedName("", attachment), new DeleteQuery(), cancel);
                    break;
                case AttachAction.Tell(var volume, var message) { Attempt: var attempt }:
                    requeue = requeue.Or(Tell(volume, message, isOld: node?.Status?.VolumesAttached?.Any(v => v.Name == volume.UniqueName) == true, attempt));
                    break;
                case AttachAction.LookAgain(var delay):
                    requeue = requeue.Or(delay);
                    break;
            }
        }
        return requeue;
    }

    private List<WantedVolume> Wanted(string node)
    {
        var wanted = new List<WantedVolume>();
        foreach (var pod in _pods.ByIndex(ByNode, node).Where(p => !p.IsTerminated()))
        {
            foreach (var volume in pod.ClaimNames().Select(claim => VolumeOf(pod, claim)).OfType<V1PersistentVolume>())
            {
                var csi = volume.Spec.Csi!;
                var name = (pod.Metadata.NamespaceProperty, pod.Metadata.Name);
                var known = wanted.FindIndex(w => w.Volume == volume.Metadata.Name);
                if (known >= 0) wanted[known] = wanted[known] with { Pods = [.. wanted[known].Pods, name] };
                else wanted.Add(new WantedVolume(volume.Metadata.Name, csi.Driver, csi.VolumeHandle, IsShared(volume), [name]));
            }
        }
        return wanted;
    }

    /// <summary>The volume behind a Pod's claim, when it is bound to it and of a driver that attaches.</summary>
    private V1PersistentVolume? VolumeOf(V1Pod pod, string claimName)
    {
        if (_claims.Find(new NamespacedName(pod.Metadata.NamespaceProperty, claimName)) is not { Status.Phase: "Bound" } claim) return null;
        if (_volumes.Find(new NamespacedName("", claim.Spec.VolumeName ?? "")) is not { Spec.Csi: { } csi } volume || volume.Spec.ClaimRef?.Uid != claim.Metadata.Uid) return null;
        // Another's claim that has the name of an ephemeral volume's.
        if (!claim.IsControlledBy(pod.Metadata.Uid) && pod.Spec.Volumes.All(v => v.PersistentVolumeClaim?.ClaimName != claimName)) return null;
        return (bool?)_drivers.Find(new NamespacedName("", csi.Driver))?.ToTree()["spec"]?["attachRequired"] == false ? null : volume;
    }

    /// <summary>A claim of several ways of access counts by the widest.</summary>
    private static bool IsShared(V1PersistentVolume volume) => volume.Spec.AccessModes?.Any(mode => mode is "ReadWriteMany" or "ReadOnlyMany") != false;

    private IReadOnlyList<(string Namespace, string Name)> UsersOn(string volume, string node) =>
        [.. _pods.ByIndex(ByNode, node).Where(p => !p.IsTerminated() && p.ClaimNames().Any(c => VolumeOf(p, c)?.Metadata.Name == volume)).Select(p => (p.Metadata.NamespaceProperty, p.Metadata.Name))];

    /// <param name="wanted">What its node wants; null: that is not looked at now.</param>
    /// <returns>Null: it is of another making than ours.</returns>
    private KnownAttachment? Read(KubeObject attachment, IReadOnlyList<WantedVolume>? wanted)
    {
        var tree = attachment.ToTree();
        if ((string?)tree["spec"]?["source"]?["persistentVolumeName"] is not { } volumeName) return null;
        var (name, node) = (attachment.Name.Name, NodeOf(attachment));
        // The volume may be gone: then what is wanted still knows its handle, or nobody does and nothing is mounted of it.
        var csi = _volumes.Find(new NamespacedName("", volumeName))?.Spec.Csi;
        var unique = csi is null ? "" : $"kubernetes.io/csi/{csi.Driver}^{csi.VolumeHandle}";
        if (csi is null ? !WantedVolume.IsOurs(name) : new WantedVolume(volumeName, csi.Driver, csi.VolumeHandle, false, []).AttachmentOn(node) != name) return null;
        TimeSpan undesired = default;
        if (wanted?.Any(w => w.AttachmentOn(node) == name) == true) _undesired.TryRemove(attachment.Uid, out _);
        else if (wanted is not null) undesired = _context.Time.GetElapsedTime(_undesired.GetOrAdd(attachment.Uid, _context.Time.GetTimestamp()));
        var age = _context.Time.GetElapsedTime(_seen.GetOrAdd(attachment.Uid, _context.Time.GetTimestamp()));
        return new KnownAttachment(name, node, volumeName, unique, (bool?)tree["status"]?["attached"] == true, tree["metadata"]?["deletionTimestamp"] is not null,
            (string?)tree["status"]?["attachError"]?["message"], age, undesired);
    }

    private async Task AttachAsync(WantedVolume volume, string node, CancellationToken cancel)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = "storage.k8s.io/v1",
            ["kind"] = "VolumeAttachment",
            ["metadata"] = new JsonObject { ["name"] = volume.AttachmentOn(node) },
            ["spec"] = new JsonObject { ["attacher"] = volume.Driver, ["nodeName"] = node, ["source"] = new JsonObject { ["persistentVolumeName"] = volume.Volume } },
        };
        try
        {
            await _context.Client.CreateAsync(Resources.VolumeAttachments, body, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            // Made a moment ago: it will be seen.
        }
        catch (StatusException e)
        {
            Tell(volume, $"{AttachmentPlan.FailedText(volume)}kubernetes.io/csi: attacher.Attach failed: {e.Message}", isOld: false, default);
            throw;
        }
    }

    private async Task ReportAsync(V1Node node, IReadOnlyList<string> attached, CancellationToken cancel)
    {
        if ((node.Status?.VolumesAttached ?? []).Select(v => v.Name).Order(StringComparer.Ordinal).SequenceEqual(attached)) return;
        var list = new JsonArray([.. attached.Select(name => (JsonNode)new JsonObject { ["name"] = name, ["devicePath"] = "" })]);
        await _context.Client.MergePatchAsync(
            Resources.Nodes, node.NamespacedName(), new JsonObject { ["status"] = new JsonObject { ["volumesAttached"] = attached.Count == 0 ? null : list } }, "status", cancel);
    }

    /// <param name="volume">Whose Pods are told.</param>
    /// <param name="message">What.</param>
    /// <param name="isOld">It was attached before this server looked: that has been told.</param>
    /// <param name="attempt">How long an attempt takes that ends so.</param>
    /// <returns>When it is to be told again if it is still so; null: never.</returns>
    private TimeSpan? Tell(WantedVolume volume, string message, bool isOld, TimeSpan attempt)
    {
        var isGood = message.StartsWith("AttachVolume.Attach succeeded", StringComparison.Ordinal);
        if (isGood && isOld) return null;
        var isRepeated = message.StartsWith(AttachmentPlan.FailedText(volume), StringComparison.Ordinal);
        TimeSpan? again = null;
        foreach (var pod in volume.Pods.Select(p => _pods.Find(new NamespacedName(p.Namespace, p.Name))).OfType<V1Pod>())
        {
            var key = (pod.Metadata.Uid, volume.Volume);
            var last = _told.TryGetValue(key, out var known) && known.Message == message ? known : null;
            var wait = last is null ? TimeSpan.Zero : attempt + AttachmentPlan.TellAgain(last.Times) - _context.Time.GetElapsedTime(last.At);
            if (wait <= TimeSpan.Zero && (isRepeated || last is null))
            {
                _told[key] = last = new Told(message, (last?.Times ?? 0) + 1, _context.Time.GetTimestamp());
                wait = attempt + AttachmentPlan.TellAgain(last.Times);
                var about = EventSubject.Of(Resources.Pods, pod);
                if (isGood) _context.Events.Normal(about, "SuccessfulAttachVolume", message);
                else _context.Events.Warning(about, "FailedAttachVolume", message);
            }
            if (isRepeated && (again is null || wait < again)) again = wait;
        }
        return again;
    }

    private static HashSet<string> InUse(V1Node node) => (node.Status?.VolumesInUse ?? []).ToHashSet(StringComparer.Ordinal);

    private void Add(string node) => _context.Queue.Add(new NamespacedName("", node));

    private void AddAll()
    {
        foreach (var node in _nodes.List()) Add(node.Metadata.Name);
    }

    private static string NodeOf(KubeObject attachment) => (string?)attachment.ToTree()["spec"]?["nodeName"] ?? "";

    private static bool HasClaims(V1Pod pod) => pod.Spec.Volumes?.Any(v => v.PersistentVolumeClaim is not null || v.Ephemeral is not null) == true;

    private sealed class Told(string message, int times, long at)
    {
        public string Message => message;
        public int Times => times;
        public long At => at;
    }
}
