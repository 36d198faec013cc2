using Bramble.Api.Naming;
using Bramble.ApiServer.Caching;
using Bramble.Client.GatewayApi;
using Bramble.Client.Ingresses;
using k8s.Models;

namespace Bramble.ApiServer.Authorization;

/// <summary>Which Secrets the ingress of the nodes needs. Every node serves every Ingress and Gateway of ours, so the answer is the same for all of them.</summary>
internal sealed class IngressRelations(IResourceReader reader)
{
    private static readonly GroupResource Ingresses = new("networking.k8s.io", "ingresses");
    private static readonly GroupResource IngressClasses = new("networking.k8s.io", "ingressclasses");

    public bool HasSecret(NamespacedName secret) =>
        reader.List(Ingresses, secret.Namespace).Select(o => o.Model<V1Ingress>()).Any(i => IngressOwnership.SecretsOf(i).Contains(secret.Name) && IngressOwnership.IsServed(i, ControllerOf))
        || HasGatewaySecret(secret);

    private string? ControllerOf(string name) => reader.Find(IngressClasses, new("", name))?.Model<V1IngressClass>().Spec?.Controller;

    private bool HasGatewaySecret(NamespacedName secret)
    {
        var gateways = reader.List(GatewayKinds.Gateways.GroupResource);
        if (gateways.Count == 0) return false;
        var grants = reader.List(GatewayKinds.Grants.GroupResource, secret.Namespace).Select(ReferenceGrant.Read).ToList();
        return gateways.Select(Gateway.Read).Any(gateway => GatewayOwnership.SecretsOf(gateway, grants).Contains(secret) && IsServed(gateway.ClassName));
    }

    private bool IsServed(string className) => reader.Find(GatewayKinds.Classes.GroupResource, new("", className)) is { } found && GatewayClass.Read(found).IsServed;
}
