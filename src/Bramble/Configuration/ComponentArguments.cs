using Bramble.Flags;

namespace Bramble.Configuration;

/// <summary>The <c>name=value</c> settings of one component, as <c>--kube-apiserver-arg</c> and its like give them. A setting that Bramble's component does not have
/// is an error, never ignored.</summary>
internal sealed class ComponentArguments
{
    /// <summary>kube-apiserver's settings that mean something here.</summary>
    public static readonly IReadOnlySet<string> OfApiServer = new HashSet<string>(StringComparer.Ordinal)
    {
        "anonymous-auth", "service-account-issuer", "api-audiences", "service-account-extend-token-expiration", "service-account-max-token-expiration", "tls-min-version",
    };

    /// <summary>kube-controller-manager's.</summary>
    public static readonly IReadOnlySet<string> OfControllerManager = new HashSet<string>(StringComparer.Ordinal)
    {
        "node-monitor-grace-period", "node-monitor-period", "terminated-pod-gc-threshold", "node-cidr-mask-size", "node-cidr-mask-size-ipv4", "node-cidr-mask-size-ipv6", "bind-address",
    };

    /// <summary>kube-scheduler's.</summary>
    public static readonly IReadOnlySet<string> OfScheduler = new HashSet<string>(StringComparer.Ordinal) { "bind-address" };

    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);

    public IReadOnlyDictionary<string, string> Last => _values.ToDictionary(pair => pair.Key, pair => pair.Value[^1], StringComparer.Ordinal);

    public string? Text(string name) => _values.TryGetValue(name, out var values) ? values[^1] : null;

    public bool Switch(string name, bool otherwise) => Text(name) is { } text ? text is "true" or "1" or "t" : otherwise;

    /// <summary>All values of a list setting, commas split.</summary>
    public IReadOnlyList<string> List(string name) =>
        _values.TryGetValue(name, out var values) ? [.. values.SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries))] : [];

    /// <param name="known">Null: the component checks its names itself.</param>
    /// <exception cref="UsageException">A name that the component does not have.</exception>
    public static ComponentArguments Parse(string flag, IReadOnlyList<string> texts, IReadOnlySet<string>? known)
    {
        var arguments = new ComponentArguments();
        foreach (var text in texts)
        {
            var parts = text.TrimStart('-').Split('=', 2);
            // key+=v and key-=v add to K3s' own defaults; Bramble sets none of its own for these components.
            var name = parts[0].TrimEnd('+', '-');
            if (known is not null && !known.Contains(name))
            {
                var nearest = known.MinBy(candidate => FlagSet.Distance(candidate, name));
                throw new UsageException($"{flag}: Bramble has no setting \"{name}\"; nearest is \"{nearest}\" (all: {string.Join(", ", known.Order())})");
            }
            if (!arguments._values.TryGetValue(name, out var values)) arguments._values[name] = values = [];
            values.Add(parts.Length == 2 ? parts[1] : "true");
        }
        return arguments;
    }
}
