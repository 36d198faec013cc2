using System.Net;
using Bramble.Client;
using k8s.Models;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>What is done next for a ServiceCIDR. Pure. KEP-1880.</summary>
internal abstract record RangeStep
{
    public const string Finalizer = "networking.k8s.io/service-cidr-finalizer";
    private const string ManagedBy = "ipaddress.kubernetes.io/managed-by";

    /// <summary>Addresses may be being taken in the moment of the deletion: they are seen within this time.</summary>
    private static readonly TimeSpan DeletionGrace = TimeSpan.FromSeconds(10);

    private RangeStep() { }

    /// <summary>On its way out, and others' to hold.</summary>
    public sealed record Keep : RangeStep;

    /// <summary>It is not to go before its addresses: it gets the finalizer.</summary>
    public sealed record Protect : RangeStep;

    /// <summary>It may go.</summary>
    public sealed record Release : RangeStep;

    /// <summary>Nobody has an address of it; it goes when no one can be taken any more.</summary>
    public sealed record Wait(TimeSpan Delay) : RangeStep;

    /// <summary>Its condition Ready.</summary>
    /// <param name="Reason">Empty: it is.</param>
    public sealed record Tell(string Reason, string Message) : RangeStep
    {
        public bool IsReady => Reason.Length == 0;
    }

    /// <param name="ranges">All there are, itself too.</param>
    public static RangeStep Decide(V1ServiceCIDR range, IEnumerable<V1ServiceCIDR> ranges, IEnumerable<V1IPAddress> addresses, DateTimeOffset now)
    {
        var isProtected = range.Metadata.Finalizers?.Contains(Finalizer) == true;
        if (range.Metadata.DeletionTimestamp is not { } deletedAt) return isProtected ? new Tell("", "Kubernetes Service CIDR is ready") : new Protect();
        if (!isProtected) return new Keep();
        if (IsInUse(range, ranges, addresses)) return new Tell("Terminating", "There are still IPAddresses referencing the ServiceCIDR, please remove them or create a new ServiceCIDR");
        var left = deletedAt.Add(DeletionGrace) - now;
        // A clock that was set back makes nobody wait longer.
        return left <= TimeSpan.Zero ? new Release() : new Wait(left < DeletionGrace ? left : DeletionGrace);
    }

    /// <summary>An address of a Service in it that no other range holds.</summary>
    private static bool IsInUse(V1ServiceCIDR range, IEnumerable<V1ServiceCIDR> ranges, IEnumerable<V1IPAddress> addresses)
    {
        var own = Networks(range);
        var others = ranges.Where(r => r.Metadata.Name != range.Metadata.Name && !r.IsBeingDeleted()).SelectMany(Networks).ToList();
        return addresses.Any(a => a.Metadata.Labels is { } labels && labels.TryGetValue(ManagedBy, out var by) && by == "ipallocator.k8s.io"
            && IPAddress.TryParse(a.Metadata.Name, out var ip) && own.Exists(n => ServiceRange.Holds(n, ip)) && !others.Exists(n => ServiceRange.Holds(n, ip)));
    }

    private static List<IPNetwork> Networks(V1ServiceCIDR range) =>
        [.. (range.Spec?.Cidrs ?? []).Select(c => IPNetwork.TryParse(c, out var network) ? network : (IPNetwork?)null).OfType<IPNetwork>()];
}
