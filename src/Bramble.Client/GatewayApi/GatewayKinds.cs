namespace Bramble.Client.GatewayApi;

/// <summary>The kinds of the Gateway API that the built-in ingress serves; custom resources, whose definitions Bramble brings.</summary>
public static class GatewayKinds
{
    public const string Group = "gateway.networking.k8s.io";

    public static readonly ResourceId Classes = new(Group, "v1", "gatewayclasses", "GatewayClass", false);
    public static readonly ResourceId Gateways = new(Group, "v1", "gateways", "Gateway", true);
    public static readonly ResourceId HttpRoutes = new(Group, "v1", "httproutes", "HTTPRoute", true);
    public static readonly ResourceId Grants = new(Group, "v1beta1", "referencegrants", "ReferenceGrant", true);
}
