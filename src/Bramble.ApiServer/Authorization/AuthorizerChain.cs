namespace Bramble.ApiServer.Authorization;

/// <summary>Asks each authorizer in order until one has an opinion; nobody's opinion is a no. The reasons of all who were asked are kept for access reviews.</summary>
public sealed class AuthorizerChain(IReadOnlyList<IAuthorizer> authorizers) : IAuthorizer
{
    public AccessAnswer Authorize(AccessAttributes attributes)
    {
        List<string>? reasons = null;
        List<string>? errors = null;
        foreach (var authorizer in authorizers)
        {
            var answer = authorizer.Authorize(attributes);
            if (answer.Decision != AccessDecision.NoOpinion) return answer;
            if (!string.IsNullOrEmpty(answer.Reason)) (reasons ??= []).Add(answer.Reason);
            if (answer.EvaluationError is { } error) (errors ??= []).Add(error);
        }
        return new AccessAnswer(
            AccessDecision.NoOpinion,
            reasons is null ? "" : string.Join('\n', reasons),
            errors switch { null => null, [var one] => one, _ => $"[{string.Join(", ", errors)}]" });
    }
}

/// <summary>Group system:masters may do everything (upstream's privileged group authorizer).</summary>
public sealed class SuperuserAuthorizer : IAuthorizer
{
    public AccessAnswer Authorize(AccessAttributes attributes) =>
        attributes.User.Groups.Contains("system:masters") ? new AccessAnswer(AccessDecision.Allow) : default;
}
