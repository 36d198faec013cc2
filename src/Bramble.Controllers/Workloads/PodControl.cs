using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Workloads;

/// <summary>Makes and removes Pods for their owner, and tells it in events about the owner. Behaviour of upstream's RealPodControl.</summary>
internal sealed class PodControl(ControllerContext context, IInformer<V1Pod> pods, WriteBarrier writes)
{
    /// <returns>False: the namespace is going and takes no more Pods; the owner goes with it.</returns>
    public async Task<bool> CreateAsync(EventSubject owner, JsonObject body, CancellationToken cancel)
    {
        try
        {
            var created = await context.Client.CreateAsync(Resources.Pods, body, cancel);
            writes.Wrote(owner.Name, pods, created);
            context.Events.Normal(owner, "SuccessfulCreate", $"Created pod: {created.Name.Name}");
            return true;
        }
        catch (StatusException e) when (e.IsNamespaceTerminating)
        {
            return false;
        }
        catch (StatusException e)
        {
            context.Events.Warning(owner, "FailedCreate", $"Error creating: {e.Message}");
            throw;
        }
    }

    /// <summary>One that is gone already is nothing to tell.</summary>
    public async Task DeleteAsync(EventSubject owner, V1Pod pod, CancellationToken cancel)
    {
        try
        {
            if (!await context.Client.DeleteAsync(Resources.Pods, pod.NamespacedName(), new DeleteQuery(Uid: pod.Metadata.Uid), cancel)) return;
        }
        catch (StatusException e) when (!e.IsConflict)
        {
            context.Events.Warning(owner, "FailedDelete", $"Error deleting: {e.Message}");
            throw new StatusException(e.Status with { Message = $"unable to delete pods: {e.Message}" });
        }
        writes.Deleted(owner.Name, pods, pod.NamespacedName(), pod.Metadata.Uid);
        context.Events.Normal(owner, "SuccessfulDelete", $"Deleted pod: {pod.Metadata.Name}");
    }
}
