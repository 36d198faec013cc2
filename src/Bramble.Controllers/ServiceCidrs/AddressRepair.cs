using System.Net;
using System.Net.Sockets;
using k8s.Models;

namespace Bramble.Controllers.ServiceCidrs;

/// <summary>What is done where a Service's address and the IPAddress object that should stand for it do not agree.</summary>
/// <param name="Reason">Of the event; null: nothing is said.</param>
internal abstract record AddressAction(string? Reason, string? Message)
{
    public sealed record Keep() : AddressAction(null, null);

    public sealed record LookAgain(TimeSpan Delay) : AddressAction(null, null);

    /// <summary>Only a person can mend it.</summary>
    public sealed record Tell(string Reason, string Message) : AddressAction(Reason, Message);

    public sealed record Create(string Reason, string Message) : AddressAction(Reason, Message);

    public sealed record Recreate(string? Reason, string? Message) : AddressAction(Reason, Message);

    public sealed record Delete(string Reason, string Message) : AddressAction(Reason, Message);
}

/// <summary>Pure. Source: KEP-1880; behaviour of upstream's ipallocator-repair-controller, messages to the byte.</summary>
internal static class AddressRepair
{
    public const string ManagedBy = "ipaddress.kubernetes.io/managed-by";
    public const string Family = "ipaddress.kubernetes.io/ip-family";
    public const string Manager = "ipallocator.k8s.io";

    /// <summary>The longest that a request may take: so long an address may be there before its Service is.</summary>
    private static readonly TimeSpan RequestMax = TimeSpan.FromSeconds(60);

    /// <summary>An address taken for a Service whose creation then fails is given back within this time.</summary>
    private static readonly TimeSpan Reverting = TimeSpan.FromSeconds(5);

    /// <param name="address">The object of that address; null: there is none.</param>
    /// <param name="referenced">The Service that the object refers to, if there is one.</param>
    public static AddressAction OfService(V1Service service, IPAddress ip, V1IPAddress? address, bool isInRange, V1Service? referenced)
    {
        var (ns, name, family) = (service.Metadata.NamespaceProperty, service.Metadata.Name, FamilyOf(ip));
        if (!isInRange) return new AddressAction.Tell("ClusterIPOutOfRange", $"Cluster IP [{family}]: {ip} is not within any configured Service CIDR; please recreate service");
        if (address is null) return new AddressAction.Create("ClusterIPNotAllocated", $"Cluster IP [{family}]: {ip} is not allocated; repairing");
        var parent = address.Spec?.ParentRef;
        var wrong = new AddressAction.Recreate("ClusterIPNotAllocated", $"the ClusterIP [{family}]: {ip} for Service {ns}/{name} has a wrong reference; repairing");
        if (!IsService(parent)) return wrong;
        if (parent!.NamespaceProperty != ns || parent.Name != name)
        {
            if (referenced is null) return wrong;
            if (referenced.Spec.ClusterIPs?.Contains(address.Metadata.Name) == true)
                return new AddressAction.Tell("ClusterIPAlreadyAllocated", $"Cluster IP [{family}]:{ip} was assigned to multiple services; please recreate service");
        }
        return Label(address, Family) == family && Label(address, ManagedBy) == Manager ? new AddressAction.Keep() : new AddressAction.Recreate(null, null);
    }

    /// <param name="service">The Service that it refers to, if there is one.</param>
    public static AddressAction OfAddress(V1IPAddress address, V1Service? service, DateTimeOffset now)
    {
        if (Label(address, ManagedBy) != Manager) return new AddressAction.Keep();
        var (name, parent) = (address.Metadata.Name, address.Spec?.ParentRef);
        if (!IsService(parent))
            return new AddressAction.Delete("IPAddressNotAllocated", $"IPAddress {name} appears to have been modified, not referencing a Service {Show(parent)}: cleaning up");
        var age = address.Metadata.CreationTimestamp is { } created ? now - new DateTimeOffset(created, TimeSpan.Zero) : TimeSpan.MaxValue;
        if (service is null)
        {
            return age <= RequestMax ? new AddressAction.LookAgain(RequestMax - age + TimeSpan.FromSeconds(1))
                : new AddressAction.Delete("IPAddressNotAllocated", $"IPAddress: {name} for Service {parent!.NamespaceProperty}/{parent.Name} appears to have leaked: cleaning up");
        }
        if (service.Spec.ClusterIPs?.Contains(name) == true) return new AddressAction.Keep();
        // One that becomes a Service with an address of its own gets the address first, as a new one does.
        if (service.Spec.Type == "ExternalName" && age < RequestMax) return new AddressAction.LookAgain(RequestMax - age);
        if (address.Metadata.CreationTimestamp > service.Metadata.CreationTimestamp && age < Reverting) return new AddressAction.LookAgain(Reverting);
        return new AddressAction.Delete("IPAddressWrongReference", $"IPAddress: {name} for Service {service.Metadata.NamespaceProperty}/{service.Metadata.Name} has a wrong reference; cleaning up");
    }

    public static string FamilyOf(IPAddress ip) => ip.AddressFamily == AddressFamily.InterNetworkV6 ? "IPv6" : "IPv4";

    private static bool IsService(V1ParentReference? parent) => string.IsNullOrEmpty(parent?.Group) && parent?.Resource == "services";

    // As Go prints the reference.
    private static string Show(V1ParentReference? parent) =>
        parent is null ? "nil" : $"&ParentReference{{Group:{parent.Group},Resource:{parent.Resource},Namespace:{parent.NamespaceProperty},Name:{parent.Name},}}";

    private static string? Label(V1IPAddress address, string name) => address.Metadata.Labels is { } labels && labels.TryGetValue(name, out var value) ? value : null;
}
