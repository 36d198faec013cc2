using System.Net;
using System.Text.Json.Nodes;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>Every address of a Service has its IPAddress object, and no such object stands for nobody: what a crash between the two writes, or somebody's hand,
/// has left is mended. A key with a namespace is a Service, one without an address.</summary>
internal sealed class AddressRepairController : IReconciler
{
    private readonly ControllerContext _context;
    private readonly IInformer<V1Service> _services;
    private readonly IInformer<V1IPAddress> _addresses;
    private readonly IInformer<V1ServiceCIDR> _ranges;

    public AddressRepairController(ControllerContext context)
    {
        _context = context;
        _ranges = context.Reads(Resources.ServiceCIDRs);
        _services = context.Watches(Resources.Services, change =>
        {
            if (change.New is { } service && Addresses(service).Any()) context.Queue.Add(change.Name);
            // An address that it had and has no longer.
            foreach (var left in Addresses(change.Old).Except(Addresses(change.New))) context.Queue.Add(new NamespacedName("", left.ToString()));
        });
        _addresses = context.Watches(Resources.IPAddresses, change =>
        {
            if (change.New is not null) context.Queue.Add(change.Name);
            if ((change.New ?? change.Old)!.Spec?.ParentRef is { Resource: "services" } parent) context.Queue.Add(new NamespacedName(parent.NamespaceProperty ?? "", parent.Name));
        });
    }

    public async Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        if (name.Namespace.Length == 0) return await LookAtAddressAsync(name, cancel);
        if (_services.Find(name) is { } service)
            foreach (var ip in Addresses(service)) await LookAtServiceAsync(service, ip, cancel);
        return Requeue.Never;
    }

    private async Task LookAtServiceAsync(V1Service service, IPAddress ip, CancellationToken cancel)
    {
        var name = new NamespacedName("", ip.ToString());
        var action = Decide(_addresses.Find(name));
        // The copies of Services and addresses may be of different moments: only the API's own answer is acted upon.
        if (action is AddressAction.Create or AddressAction.Recreate)
        {
            if (await _context.Client.FindModelAsync(Resources.Services, service.NamespacedName(), cancel) is not { } live || !Addresses(live).Contains(ip)) return;
            action = Decide(await _context.Client.FindModelAsync(Resources.IPAddresses, name, cancel));
        }
        if (action.Reason is { } reason) Tell(EventSubject.Of(Resources.Services, service), reason, "ClusterIPAllocation", action.Message!);
        if (action is AddressAction.Recreate) await _context.Client.DeleteAsync(Resources.IPAddresses, name, new DeleteQuery(), cancel);
        if (action is AddressAction.Create or AddressAction.Recreate) await CreateAsync(service, ip, cancel);

        AddressAction Decide(V1IPAddress? address)
        {
            var parent = address?.Spec?.ParentRef;
            var referenced = parent is null ? null : _services.Find(new NamespacedName(parent.NamespaceProperty ?? "", parent.Name ?? ""));
            return AddressRepair.OfService(service, ip, address, IsInRange(ip), referenced);
        }
    }

    private async Task<Requeue> LookAtAddressAsync(NamespacedName name, CancellationToken cancel)
    {
        if (_addresses.Find(name) is not { } address) return Requeue.Never;
        var action = Decide(address, address.Spec?.ParentRef is { } parent ? _services.Find(ParentOf(parent)) : null);
        if (action is AddressAction.Delete)
        {
            if (await _context.Client.FindModelAsync(Resources.IPAddresses, name, cancel) is not { } live || live.Metadata.Uid != address.Metadata.Uid) return Requeue.Never;
            action = Decide(live, live.Spec?.ParentRef is { } now ? await _context.Client.FindModelAsync(Resources.Services, ParentOf(now), cancel) : null);
        }
        if (action is AddressAction.LookAgain(var delay)) return Requeue.After(delay);
        if (action is not AddressAction.Delete) return Requeue.Never;
        Tell(EventSubject.Of(Resources.IPAddresses, address), action.Reason!, "IPAddressAllocation", action.Message!);
        await _context.Client.DeleteAsync(Resources.IPAddresses, name, new DeleteQuery(Uid: address.Metadata.Uid), cancel);
        return Requeue.Never;

        AddressAction Decide(V1IPAddress of, V1Service? service) => AddressRepair.OfAddress(of, service, _context.Time.GetUtcNow());
    }

    private async Task CreateAsync(V1Service service, IPAddress ip, CancellationToken cancel)
    {
        var body = new JsonObject
        {
            ["apiVersion"] = "networking.k8s.io/v1",
            ["kind"] = "IPAddress",
            ["metadata"] = new JsonObject
            {
                ["name"] = ip.ToString(),
                ["labels"] = new JsonObject { [AddressRepair.Family] = AddressRepair.FamilyOf(ip), [AddressRepair.ManagedBy] = AddressRepair.Manager },
            },
            ["spec"] = new JsonObject { ["parentRef"] = new JsonObject { ["resource"] = "services", ["namespace"] = service.Metadata.NamespaceProperty, ["name"] = service.Metadata.Name } },
        };
        try
        {
            await _context.Client.CreateAsync(Resources.IPAddresses, body, cancel);
        }
        catch (StatusException e) when (e.IsAlreadyExists)
        {
            // Somebody took it this moment: it will be seen.
        }
    }

    private bool IsInRange(IPAddress ip) => _ranges.List().SelectMany(r => r.Spec?.Cidrs ?? [])
        .Any(cidr => IPNetwork.TryParse(cidr, out var network) && ServiceRange.Holds(network, ip));

    private void Tell(EventSubject about, string reason, string action, string message) => _context.Events.WithAction(about, "Warning", reason, action, message);

    private static NamespacedName ParentOf(V1ParentReference parent) => new(parent.NamespaceProperty ?? "", parent.Name ?? "");

    /// <summary>A headless Service and one that is a name only have none.</summary>
    private static IEnumerable<IPAddress> Addresses(V1Service? service) => service?.Spec is null || service.Spec.Type == "ExternalName" ? []
        : (service.Spec.ClusterIPs ?? []).Select(text => IPAddress.TryParse(text, out var ip) ? ip : null).OfType<IPAddress>();
}
