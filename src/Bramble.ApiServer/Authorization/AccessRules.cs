using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Requests;

namespace Bramble.ApiServer.Authorization;

/// <summary>From a request to the question an authorizer is asked, and from its no to upstream's 403.</summary>
public static class AccessRules
{
    /// <param name="fieldSelector">As sent with a list, watch or deletecollection: nodes may list only what is theirs.</param>
    public static AccessAttributes AttributesOf(RequestInfo request, UserInfo user, string fieldSelector = "", string labelSelector = "") => new(
        user, request.Verb, request.Group, request.Version, request.Resource, request.Subresource, request.Namespace, request.Name, request.IsResourceRequest, request.Path)
    {
        FieldSelector = fieldSelector,
        LabelSelector = labelSelector,
    };

    /// <summary>403 to the byte: <c>pods "a" is forbidden: User "u" cannot get resource "pods" in API group "" in the namespace "n"</c>.</summary>
    public static StatusException Forbidden(AccessAttributes attributes, string reason)
    {
        var why = Denial(attributes) + (reason.Length > 0 ? $": {reason}" : "");
        return StatusErrors.Forbidden(new GroupResource(attributes.Group, attributes.Resource), attributes.Name, why);
    }

    private static string Denial(AccessAttributes attributes)
    {
        var user = FieldError.Quote(attributes.User.Name);
        if (!attributes.IsResourceRequest) return $"User {user} cannot {attributes.Verb} path {FieldError.Quote(attributes.Path)}";
        var resource = attributes.Subresource.Length == 0 ? attributes.Resource : $"{attributes.Resource}/{attributes.Subresource}";
        var where = attributes.Namespace.Length == 0 ? "at the cluster scope" : $"in the namespace {FieldError.Quote(attributes.Namespace)}";
        return $"User {user} cannot {attributes.Verb} resource {FieldError.Quote(resource)} in API group {FieldError.Quote(attributes.Group)} {where}";
    }
}
