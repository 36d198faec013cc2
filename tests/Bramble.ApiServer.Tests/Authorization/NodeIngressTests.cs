using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;

namespace Bramble.ApiServer.Tests.Authorization;

/// <summary>A node reads the Secrets of what its ingress serves, one at a time, and no other.</summary>
public sealed class NodeIngressTests
{
    private static readonly FixedReader Cluster = new FixedReader()
        .With("networking.k8s.io", "ingressclasses", """{"metadata":{"name":"traefik"},"spec":{"controller":"traefik.io/ingress-controller"}}""")
        .With("networking.k8s.io", "ingressclasses", """{"metadata":{"name":"nginx"},"spec":{"controller":"k8s.io/ingress-nginx"}}""")
        .With("networking.k8s.io", "ingresses", """{"metadata":{"namespace":"n","name":"a"},"spec":{"ingressClassName":"traefik","tls":[{"secretName":"served"}]}}""")
        .With("networking.k8s.io", "ingresses", """{"metadata":{"namespace":"n","name":"b"},"spec":{"ingressClassName":"nginx","tls":[{"secretName":"others"}]}}""")
        .With("networking.k8s.io", "ingresses", """{"metadata":{"namespace":"n","name":"c"},"spec":{"tls":[{"secretName":"classless"}]}}""")
        .With("gateway.networking.k8s.io", "gatewayclasses", """{"metadata":{"name":"traefik"},"spec":{"controllerName":"traefik.io/gateway-controller"}}""")
        .With("gateway.networking.k8s.io", "gatewayclasses", """{"metadata":{"name":"other"},"spec":{"controllerName":"example.com/other"}}""")
        .With("gateway.networking.k8s.io", "gateways", """
            {"metadata":{"namespace":"g","name":"gw"},"spec":{"gatewayClassName":"traefik","listeners":[{"name":"l","port":443,"protocol":"HTTPS",
             "tls":{"certificateRefs":[{"name":"own"},{"namespace":"n","name":"granted"},{"namespace":"n","name":"ungranted"}]}}]}}
            """)
        .With("gateway.networking.k8s.io", "gateways", """{"metadata":{"namespace":"g","name":"not-ours"},"spec":{"gatewayClassName":"other","listeners":[{"name":"l","port":443,"protocol":"HTTPS","tls":{"certificateRefs":[{"name":"not-ours"}]}}]}}""")
        .With("gateway.networking.k8s.io", "referencegrants", """
            {"metadata":{"namespace":"n","name":"grant"},"spec":{"from":[{"group":"gateway.networking.k8s.io","kind":"Gateway","namespace":"g"}],"to":[{"group":"","kind":"Secret","name":"granted"}]}}
            """);

    public static TheoryData<string, string, string, string, bool> Cases => new()
    {
        { "an Ingress of ours names it", "get", "n", "served", true },
        { "it may be watched too", "watch", "n", "served", true },
        { "but never listed", "list", "n", "served", false },
        { "nor written", "update", "n", "served", false },
        { "another namespace's of the same name", "get", "m", "served", false },
        { "an Ingress without class is ours", "get", "n", "classless", true },
        { "somebody else's class", "get", "n", "others", false },
        { "nobody names it", "get", "n", "secret", false },
        { "all Secrets of a namespace", "watch", "n", "", false },
        { "all Secrets", "watch", "", "", false },
        { "a Gateway of ours names it", "get", "g", "own", true },
        { "in another namespace it must be granted", "get", "n", "granted", true },
        { "and is not", "get", "n", "ungranted", false },
        { "somebody else's GatewayClass", "get", "g", "not-ours", false },
    };

    [Theory]
    [MemberData(nameof(Cases))]
    public void A_node_may(string name, string verb, string ns, string secret, bool isAllowed)
    {
        Assert.NotEmpty(name);
        Assert.Equal(isAllowed ? AccessDecision.Allow : AccessDecision.NoOpinion, Ask(servesIngress: true, verb, ns, secret));
        Assert.Equal(AccessDecision.NoOpinion, Ask(servesIngress: false, verb, ns, secret));
    }

    private static AccessDecision Ask(bool servesIngress, string verb, string ns, string secret) =>
        new NodeAuthorizer(Cluster, [], servesIngress).Authorize(new AccessAttributes(new UserInfo("system:node:a", ["system:nodes"]), verb, "", "v1", "secrets", "", ns, secret, true, "")).Decision;
}
