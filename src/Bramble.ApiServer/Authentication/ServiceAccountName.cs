using Bramble.Api.Naming;

namespace Bramble.ApiServer.Authentication;

/// <summary>Service accounts as users: <c>system:serviceaccount:NAMESPACE:NAME</c>.</summary>
public static class ServiceAccountName
{
    public const string UserPrefix = "system:serviceaccount:";
    public const string AllGroup = "system:serviceaccounts";

    public static bool TryParseUser(string user, out NamespacedName account)
    {
        account = default;
        if (!user.StartsWith(UserPrefix, StringComparison.Ordinal)) return false;
        var parts = user[UserPrefix.Length..].Split(':');
        if (parts.Length != 2 || Names.DnsLabel(parts[0]).Any() || Names.DnsSubdomain(parts[1]).Any()) return false;
        account = new NamespacedName(parts[0], parts[1]);
        return true;
    }

    public static string User(NamespacedName account) => $"{UserPrefix}{account.Namespace}:{account.Name}";

    /// <summary>The groups that follow from the namespace alone.</summary>
    public static IReadOnlyList<string> Groups(string ns) => [AllGroup, $"{AllGroup}:{ns}"];
}
