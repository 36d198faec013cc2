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
        catch (Exception e) when (IsFailure(e))
        {
            if (MayHaveHappened(e)) writes.Unsure(owner.Name, pods, cancel => NewestOfAsync(owner, cancel));
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
        catch (Exception e) when (IsFailure(e) && e is not StatusException { IsConflict: true })
        {
            if (MayHaveHappened(e)) writes.Unsure(owner.Name, pods, cancel => StateOfAsync(pod, cancel));
            context.Events.Warning(owner, "FailedDelete", $"Error deleting: {e.Message}");
            if (e is not StatusException refused) throw;
            throw new StatusException(refused.Status with { Message = $"unable to delete pods: {e.Message}" });
        }
        writes.Deleted(owner.Name, pods, pod.NamespacedName(), pod.Metadata.Uid);
        context.Events.Normal(owner, "SuccessfulDelete", $"Deleted pod: {pod.Metadata.Name}");
    }

    private static bool IsFailure(Exception e) => e is StatusException or HttpRequestException or IOException;

    private static bool MayHaveHappened(Exception e) => e is not StatusException { Status.Code: < 500 };

    /// <summary>Its name is not known: the copy must have the newest that the owner has now.</summary>
    private async Task<Func<bool>> NewestOfAsync(EventSubject owner, CancellationToken cancel)
    {
        var newest = 0L;
        foreach (var pod in (await context.Client.ListAsync(Resources.Pods, new ListQuery(owner.Name.Namespace), cancel)).Items)
            if (pod.Model<V1Pod>().IsControlledBy(owner.Uid)) newest = Math.Max(newest, pod.ResourceVersion);
        return () => pods.ResourceVersion >= newest;
    }

    private async Task<Func<bool>> StateOfAsync(V1Pod pod, CancellationToken cancel)
    {
        var name = pod.NamespacedName();
        if (await context.Client.FindAsync(Resources.Pods, name, cancel) is { } now && now.Uid == pod.Metadata.Uid) return () => pods.ResourceVersion >= now.ResourceVersion;
        return () => pods.Find(name)?.Metadata.Uid != pod.Metadata.Uid;
    }
}
