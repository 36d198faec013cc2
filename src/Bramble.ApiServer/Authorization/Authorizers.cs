using Bramble.ApiServer.Bootstrap;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Authorization;

/// <summary>The authorizers of <c>--authorization-mode Node,RBAC</c> behind the superusers' own.</summary>
public static class Authorizers
{
    /// <param name="servesIngress">Nodes run the built-in ingress: <c>--disable traefik</c> was not given.</param>
    /// <returns>The chain, and the RBAC authorizer in it, whom admission and rules reviews ask directly.</returns>
    public static (AuthorizerChain Chain, RbacAuthorizer Rbac) Compose(IResourceReader reader, bool servesIngress)
    {
        var rbac = new RbacAuthorizer(reader);
        return (new AuthorizerChain([new SuperuserAuthorizer(), new NodeAuthorizer(reader, PolicyRule.ReadAll(BootstrapFacts.Load().NodeRules), servesIngress), rbac]), rbac);
    }
}
