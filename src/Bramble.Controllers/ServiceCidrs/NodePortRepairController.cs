using Bramble.Api.Naming;
using Bramble.Client;
using Bramble.Client.Events;
using Bramble.Controllers.Hosting;
using k8s.Models;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>Something about a node port that only a person can mend.</summary>
internal sealed record NodePortFault(string Uid, string Reason, string Message);

/// <summary>Tells of node ports that two Services have, or that are outside of the range (it was changed). There is no other list of them than the Services
/// themselves, so that none can leak. Messages are those of upstream's portallocator-repair-controller. Looks at all Services together.</summary>
internal sealed class NodePortRepairController : IReconciler
{
    private static readonly NamespacedName All = new("", "nodeports");

    private readonly ControllerContext _context;
    private readonly IInformer<V1Service> _services;
    private HashSet<NodePortFault> _told = [];

    public NodePortRepairController(ControllerContext context)
    {
        _context = context;
        _services = context.Watches(Resources.Services, change =>
        {
            if (!PortsOf(change.Old).SequenceEqual(PortsOf(change.New))) context.Queue.Add(All);
        });
    }

    public Task<Requeue> ReconcileAsync(NamespacedName name, CancellationToken cancel)
    {
        var (first, last) = _context.Config.NodePorts;
        HashSet<NodePortFault> faults = [];
        foreach (var (service, fault) in Find(_services.List(), first, last))
            if (faults.Add(fault) && !_told.Contains(fault))
                _context.Events.WithAction(EventSubject.Of(Resources.Services, service), "Warning", fault.Reason, "PortAllocation", fault.Message);
        _told = faults;
        return Task.FromResult(Requeue.Never);
    }

    /// <summary>Pure. Of two Services with one port the first by namespace and name keeps it.</summary>
    public static IEnumerable<(V1Service Service, NodePortFault Fault)> Find(IEnumerable<V1Service> services, int first, int last)
    {
        var taken = new HashSet<int>();
        foreach (var service in services.OrderBy(s => s.Metadata.NamespaceProperty, StringComparer.Ordinal).ThenBy(s => s.Metadata.Name, StringComparer.Ordinal))
            foreach (var port in PortsOf(service))
            {
                if (port < first || port > last)
                    yield return (service, new(service.Metadata.Uid, "PortOutOfRange", $"Port {port} is not within the port range {first}-{last}; please recreate service"));
                else if (!taken.Add(port))
                    yield return (service, new(service.Metadata.Uid, "PortAlreadyAllocated", $"Port {port} was assigned to multiple services; please recreate service"));
            }
    }

    /// <summary>One port for several protocols is one.</summary>
    private static List<int> PortsOf(V1Service? service)
    {
        var ports = new List<int>();
        foreach (var port in service?.Spec?.Ports ?? [])
            if (port.NodePort is > 0 and var number && !ports.Contains(number)) ports.Add(number);
        if (service?.Spec?.HealthCheckNodePort is > 0 and var check && !ports.Contains(check)) ports.Add(check);
        return ports;
    }
}
