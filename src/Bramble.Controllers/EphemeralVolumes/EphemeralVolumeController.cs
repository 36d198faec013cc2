using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using Bramble.Controllers.Workloads;
using k8s.Models;

namespace Bramble.Controllers.EphemeralVolumes;

/// <summary>Makes the claims of generic ephemeral volumes; they go with their Pod. KEP-1698.</summary>
internal sealed class EphemeralVolumeController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Pod> _pods;
    private readonly IInformer<V1PersistentVolumeClaim> _claims;

    public EphemeralVolumeController(ControllerContext context)
    {
        _context = context;
        _pods = context.Watches(Resources.Pods, change =>
        {
            if (change.New is { } pod && change.Old?.Metadata.Uid != pod.Metadata.Uid && HasEphemeral(pod)) context.Queue.Add(change.Name);
        });
        _claims = context.Watches(Resources.PersistentVolumeClaims, change =>
        {
            // Whosever it was: a Pod may have waited for its name.
            if (change.New is null)
                foreach (var pod in _pods.List(change.Name.Namespace))
                    if (HasEphemeral(pod) && pod.ClaimNames().Contains(change.Name.Name)) context.Queue.Add(pod.NamespacedName());
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_pods.FindObject(name) is not { } found) return Requeue.Never;
        var pod = found.Model<V1Pod>();
        if (pod.IsBeingDeleted() || !HasEphemeral(pod)) return Requeue.Never;
        foreach (var volume in (found.ToTree()["spec"]!["volumes"] as JsonArray ?? []).OfType<JsonObject>())
        {
            if (volume["ephemeral"]?["volumeClaimTemplate"] is not JsonObject template) continue;
            try
            {
                await EnsureAsync(found, (string?)volume["name"] ?? "", template, cancel);
            }
            catch (Exception e) when (e is InvalidDataException or StatusException)
            {
                _context.Events.Warning(EventSubject.Of(Resources.Pods, pod), "FailedBinding", $"ephemeral volume {(string?)volume["name"]}: {e.Message}");
                throw;
            }
        }
        return Requeue.Never;
    }

    private async Task EnsureAsync(KubeObject pod, string volume, JsonObject template, CancellationToken cancel)
    {
        var name = EphemeralClaim.NameOf(pod, volume);
        if (EphemeralClaim.Decide(pod, volume, template, _claims.Find(name)) is not { } body) return;
        try
        {
            await _context.Client.CreateAsync(Resources.PersistentVolumeClaims, body, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists && _claims.Find(name) is null)
        {
            // Made by us a moment ago: the copy will show it, and whose it is.
            _context.Queue.AddAfter(pod.Name, TimeSpan.FromMilliseconds(100));
        }
        catch (StatusException e)
        {
            throw new InvalidDataException($"create PVC {name.Name}: {e.Message}", e);
        }
    }

    private static bool HasEphemeral(V1Pod pod) => pod.Spec.Volumes?.Any(v => v.Ephemeral is not null) == true;
}
