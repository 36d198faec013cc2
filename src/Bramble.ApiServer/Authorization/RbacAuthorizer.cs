using Bramble.ApiServer.Authentication;
using Bramble.ApiServer.Caching;

namespace Bramble.ApiServer.Authorization;

/// <summary>Role based access control: whoever is bound to a role with a fitting rule may; nobody else is helped or hindered.</summary>
public sealed class RbacAuthorizer(IResourceReader reader) : IAuthorizer
{
    private readonly RoleBindingIndex _index = new(reader);

    public AccessAnswer Authorize(AccessAttributes attributes)
    {
        List<string>? errors = null;
        foreach (var granted in _index.RulesOf(attributes.User, attributes.Namespace))
        {
            if (granted.Rule is { } rule && rule.Allows(attributes)) return new AccessAnswer(AccessDecision.Allow, $"RBAC: allowed by {granted.Source}");
            if (granted.Error is { } error && !(errors ??= []).Contains(error)) errors.Add(error);
        }
        return errors is null ? default : new AccessAnswer(AccessDecision.NoOpinion, $"RBAC: {(errors.Count == 1 ? errors[0] : $"[{string.Join(", ", errors)}]")}");
    }

    /// <summary>All rules that a user holds in a namespace, and what could not be resolved.</summary>
    internal (IReadOnlyList<PolicyRule> Rules, IReadOnlyList<string> Errors) RulesOf(UserInfo user, string ns)
    {
        var granted = _index.RulesOf(user, ns).ToList();
        return ([.. granted.Where(g => g.Rule is not null).Select(g => g.Rule!)], [.. granted.Where(g => g.Error is not null).Select(g => g.Error!).Distinct()]);
    }

    /// <summary>Null: there is no such role.</summary>
    internal IReadOnlyList<PolicyRule>? RulesOfRole(string kind, string name, string ns) => _index.RulesOfRole(kind, name, ns);
}
