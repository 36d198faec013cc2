using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Authorization;
using Bramble.ApiServer.Verbs;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>All resources and subresources that are not simply stored.</summary>
public static class SpecialEndpoints
{
    public static IReadOnlyList<ISpecialEndpoint> Compose(
        AuthenticationChain authentication, AuthenticationConfig config, ServiceAccountKeys keys, AuthorizerChain authorizer, RbacAuthorizer rbac, TimeProvider time) =>
    [
        new TokenReviewEndpoint(authentication, Authenticators.AudiencesOf(config)),
        new SelfSubjectReviewEndpoint(time),
        new AccessReviewEndpoint(AccessReviewScope.AnySubject, authorizer),
        new AccessReviewEndpoint(AccessReviewScope.OwnSubject, authorizer),
        new AccessReviewEndpoint(AccessReviewScope.AnySubjectInNamespace, authorizer),
        new SelfSubjectRulesReviewEndpoint(rbac),
        new TokenRequestEndpoint(new ServiceAccountTokenIssuer(keys, config.ServiceAccountIssuers[0], time), config, time),
        .. OfPods(time),
        new ComponentStatusEndpoint(),
    ];

    /// <summary>Those that need to know nobody.</summary>
    public static IReadOnlyList<ISpecialEndpoint> OfPods(TimeProvider time) =>
    [
        new BindingEndpoint(new("", "pods"), "binding", time),
        new BindingEndpoint(new("", "bindings"), "", time),
        new EvictionEndpoint(time),
    ];
}
