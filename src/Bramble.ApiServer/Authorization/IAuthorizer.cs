using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Authorization;

/// <summary>What is to be allowed: SubjectAccessReview's attributes.</summary>
public sealed record AccessAttributes(
    UserInfo User,
    string Verb,
    string Group,
    string Version,
    string Resource,
    string Subresource,
    string Namespace,
    string Name,
    bool IsResourceRequest,
    string Path)
{
    /// <summary>The fieldSelector of a list, watch or deletecollection as sent; empty: everything is asked for (KEP-4601).</summary>
    public string FieldSelector { get; init; } = "";

    /// <summary>The labelSelector of a list, watch or deletecollection as sent.</summary>
    public string LabelSelector { get; init; } = "";
}

/// <summary>An authorizer's answer. NoOpinion asks the next one; at the end of the chain it is a no.</summary>
public enum AccessDecision { NoOpinion, Allow, Deny }

/// <summary>Decision and upstream's reason text (shown in 403 messages and access reviews).</summary>
public readonly record struct AccessAnswer(AccessDecision Decision, string Reason = "", string? EvaluationError = null);

/// <summary>Decides whether a user may do something. Reads memory only.</summary>
public interface IAuthorizer
{
    AccessAnswer Authorize(AccessAttributes attributes);
}
