
namespace Bramble.ApiServer.Authentication;

/// <summary>Nodes as users: <c>system:node:NAME</c> in group system:nodes.</summary>
public static class NodeName
{
    public const string UserPrefix = "system:node:";
    public const string Group = "system:nodes";

    public static bool TryParseUser(string user, out string node)
    {
        node = user.StartsWith(UserPrefix, StringComparison.Ordinal) ? user[UserPrefix.Length..] : "";
        return node.Length > 0 && !Names.DnsSubdomain(node).Any();
    }

    /// <summary>The node a user is: name and group both say so; null for everybody else. <c>Name</c> empty: a node without a name.</summary>
    public static string? Of(UserInfo user) =>
        user.Name.StartsWith(UserPrefix, StringComparison.Ordinal) && user.Groups.Contains(Group) ? user.Name[UserPrefix.Length..] : null;
}
