using Bramble.Api.Naming;

namespace Bramble.Client.GatewayApi;

/// <summary>Which Secrets the built-in ingress needs for a Gateway. Pure; proxy and Node authorizer must agree about it.</summary>
public static class GatewayOwnership
{
    /// <summary>Its listeners' certificates, those in other namespaces only as far as they are granted.</summary>
    public static IEnumerable<NamespacedName> SecretsOf(Gateway gateway, IReadOnlyCollection<ReferenceGrant> grants) =>
        gateway.Listeners.Where(listener => listener.TlsMode == "Terminate").SelectMany(listener => listener.Certificates)
            .Where(reference => reference is { Group: "", Kind: "Secret" } && ReferenceGrant.Allows(grants, "Gateway", gateway.Name.Namespace, reference))
            .Select(reference => new NamespacedName(reference.Namespace ?? gateway.Name.Namespace, reference.Name))
            .Distinct();
}
