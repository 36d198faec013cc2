using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.Endpoints;

/// <summary>The old Endpoints object of each Service with a selector, for clients that still read it.</summary>
internal sealed class EndpointsController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly ServiceWatch _watch;
    private readonly IInformer<V1Endpoints> _endpoints;
    private readonly WriteBarrier _writes = new();
    private readonly ChangeTimes _times = new();

    public EndpointsController(ControllerContext context)
    {
        _context = context;
        _watch = new ServiceWatch(context);
        // Its own that are there at the start: their Service may have gone meanwhile. Later only one that was removed is of interest.
        _endpoints = context.Watches(Resources.Endpoints, change =>
        {
            if (change.New is null || (change.Old is null && change.New.Metadata.Labels?.ContainsKey(EndpointsPlan.ManagedByLabel) == true)) context.Queue.Add(change.Name);
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        await _writes.CaughtUpAsync(name, _context.Time, cancel);
        var known = _endpoints.FindObject(name);
        var service = _watch.Services.Find(name);
        if (service is null) _times.Forget(name);
        List<V1Pod> pods = [];
        DateTimeOffset? changedAt = null;
        if (EndpointsPlan.IsMadeFor(service))
        {
            pods = _watch.PodsOf(service);
            changedAt = _times.Next(service, pods);
        }
        switch (EndpointsPlan.Decide(service, pods, known, changedAt))
        {
            case EndpointsPlan.Delete:
                await _context.Client.DeleteAsync(Resources.Endpoints, name, new DeleteQuery(Uid: known!.Uid), cancel);
                break;
            case EndpointsPlan.Create(var endpoints):
                await CreateAsync(name, endpoints, cancel);
                break;
            case EndpointsPlan.Update(var endpoints):
                await UpdateAsync(name, endpoints, cancel);
                break;
        }
        return Requeue.Never;
    }

    private async Task CreateAsync(NamespacedName name, JsonObject endpoints, CancellationToken cancel)
    {
        try
        {
            _writes.Wrote(name, _endpoints, await _context.Client.CreateAsync(Resources.Endpoints, endpoints, cancel));
        }
        catch (StatusException e)
        {
            if (e.IsNamespaceTerminating) return;     // which takes the Service along
            _context.Events.Warning(About(name, endpoints), "FailedToCreateEndpoint", $"Failed to create endpoint for service {name}: {e.Message}");
            throw;
        }
    }

    private async Task UpdateAsync(NamespacedName name, JsonObject endpoints, CancellationToken cancel)
    {
        try
        {
            _writes.Wrote(name, _endpoints, await _context.Client.UpdateAsync(Resources.Endpoints, endpoints, null, cancel));
        }
        catch (StatusException e)
        {
            _context.Events.Warning(About(name, endpoints), "FailedToUpdateEndpoint", $"Failed to update endpoint {name}: {e.Message}");
            throw;
        }
    }

    private static EventSubject About(NamespacedName name, JsonObject endpoints) =>
        new("v1", "Endpoints", name, (string?)endpoints["metadata"]?["uid"] ?? "", (string?)endpoints["metadata"]?["resourceVersion"] ?? "");
}
