namespace Bramble.ApiServer.Authentication;

/// <summary>Who asks: authentication.k8s.io UserInfo.</summary>
public sealed record UserInfo(
    string Name,
    IReadOnlyList<string> Groups,
    string Uid = "",
    IReadOnlyDictionary<string, IReadOnlyList<string>>? Extra = null)
{
    public static readonly UserInfo Anonymous = new("system:anonymous", ["system:unauthenticated"]);

    /// <summary>The API server itself (loopback): group system:masters.</summary>
    public static readonly UserInfo Loopback = new("system:apiserver", ["system:masters", "system:authenticated"]);

    /// <summary>As Go prints upstream's user: <c>&amp;{jane  [dev system:authenticated] map[]}</c>.</summary>
    public string Show()
    {
        var extra = Extra is null ? "" : string.Join(' ', Extra.Keys.Order(StringComparer.Ordinal).Select(key => $"{key}:[{string.Join(' ', Extra[key])}]"));
        return $"&{{{Name} {Uid} [{string.Join(' ', Groups)}] map[{extra}]}}";
    }

    /// <summary>A service account of kube-system, as the controllers of one process use it.</summary>
    public static UserInfo ServiceAccount(string ns, string name) =>
        new($"system:serviceaccount:{ns}:{name}", ["system:serviceaccounts", $"system:serviceaccounts:{ns}", "system:authenticated"]);
}
