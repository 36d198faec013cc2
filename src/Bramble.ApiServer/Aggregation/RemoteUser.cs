using Bramble.ApiServer.Authentication;

namespace Bramble.ApiServer.Aggregation;

/// <summary>Who asks, as the front proxy tells it to the server behind it (transport.SetAuthProxyHeaders).</summary>
internal static class RemoteUser
{
    public const string Prefix = "X-Remote-";

    /// <summary>The probes of this server itself.</summary>
    public static readonly UserInfo Aggregator = new("system:kube-aggregator", ["system:masters"]);

    public static IEnumerable<KeyValuePair<string, string>> Headers(UserInfo user)
    {
        yield return new("X-Remote-User", user.Name);
        if (user.Uid.Length > 0) yield return new("X-Remote-Uid", user.Uid);
        foreach (var group in user.Groups) yield return new("X-Remote-Group", group);
        foreach (var (key, values) in user.Extra ?? new Dictionary<string, IReadOnlyList<string>>())
            foreach (var value in values) yield return new($"X-Remote-Extra-{Escaped(key)}", value);
    }

    /// <summary>What no header's name may hold is percent-encoded, and so is %.</summary>
    private static string Escaped(string key)
    {
        var text = new System.Text.StringBuilder(key.Length);
        foreach (var b in System.Text.Encoding.UTF8.GetBytes(key))
        {
            if (char.IsAsciiLetterOrDigit((char)b) || (b < 128 && "!#$&'*+-.^_`|~".Contains((char)b))) text.Append((char)b);
            else text.Append('%').Append(b.ToString("X2", System.Globalization.CultureInfo.InvariantCulture));
        }

        return text.ToString();
    }
}
