using System.Text.Json.Nodes;
using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.SpecialResources;

/// <summary>authentication.k8s.io UserInfo on the wire.</summary>
internal static class UserTree
{
    public static JsonObject Write(UserInfo user)
    {
        var tree = new JsonObject();
        if (user.Name.Length > 0) tree["username"] = user.Name;
        if (user.Uid.Length > 0) tree["uid"] = user.Uid;
        if (user.Groups.Count > 0) tree["groups"] = Texts(user.Groups);
        if (user.Extra is { Count: > 0 } extra)
        {
            var map = new JsonObject();
            foreach (var (key, values) in extra.OrderBy(e => e.Key, StringComparer.Ordinal)) map[key] = Texts(values);
            tree["extra"] = map;
        }
        return tree;
    }

    private static JsonArray Texts(IEnumerable<string> values)
    {
        var list = new JsonArray();
        foreach (var value in values) list.Add((JsonNode)JsonValue.Create(value));
        return list;
    }
}
