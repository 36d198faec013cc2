using System.Globalization;
using Bramble.Api.Decoding;
using Bramble.Flags;

namespace Bramble.Configuration;

/// <summary>The <c>name=value</c> settings of one component, as <c>--kube-apiserver-arg</c> and its like give them. A setting that Bramble's component does not have
/// is an error, never ignored.</summary>
internal sealed class ComponentArguments
{
    /// <summary>kube-apiserver's settings that mean something here.</summary>
    public static readonly IReadOnlySet<string> OfApiServer = new HashSet<string>(StringComparer.Ordinal)
    {
        "admission-control-config-file", "anonymous-auth", "service-account-issuer", "service-account-jwks-uri", "api-audiences", "service-account-extend-token-expiration", "service-account-max-token-expiration",
        "tls-min-version", "default-not-ready-toleration-seconds", "default-unreachable-toleration-seconds", "event-ttl",
    };

    /// <summary>kube-controller-manager's. A node is looked at when its time is over, which no node-monitor-period makes earlier: whoever gives one gets that.</summary>
    public static readonly IReadOnlySet<string> OfControllerManager = new HashSet<string>(StringComparer.Ordinal)
    {
        "cluster-signing-duration", "disable-force-detach-on-timeout", "legacy-service-account-token-clean-up-period", "node-monitor-period",
        "node-monitor-grace-period", "terminated-pod-gc-threshold", "node-cidr-mask-size", "node-cidr-mask-size-ipv4", "node-cidr-mask-size-ipv6",
        "horizontal-pod-autoscaler-cpu-initialization-period", "horizontal-pod-autoscaler-downscale-stabilization", "horizontal-pod-autoscaler-initial-readiness-delay",
        "horizontal-pod-autoscaler-sync-period", "horizontal-pod-autoscaler-tolerance",
        "large-cluster-size-threshold", "node-eviction-rate", "secondary-node-eviction-rate", "unhealthy-zone-threshold",
    };

    /// <summary>kube-scheduler's: a KubeSchedulerConfiguration file.</summary>
    public static readonly IReadOnlySet<string> OfScheduler = new HashSet<string>(StringComparer.Ordinal) { "config" };

    /// <summary>The kubelet's.</summary>
    public static readonly IReadOnlySet<string> OfKubelet = new HashSet<string>(StringComparer.Ordinal)
    {
        "cgroup-driver", "cgroup-root", "container-log-max-files", "container-log-max-size", "eviction-hard", "eviction-max-pod-grace-period", "eviction-minimum-reclaim",
        "eviction-pressure-transition-period", "eviction-soft", "eviction-soft-grace-period", "image-gc-high-threshold", "image-gc-low-threshold", "kube-reserved", "max-pods",
        "minimum-image-ttl-duration", "system-reserved",
    };

    private readonly Dictionary<string, List<string>> _values = new(StringComparer.Ordinal);
    private readonly string _flag;

    private ComponentArguments(string flag) => _flag = flag;

    public IReadOnlyDictionary<string, string> Last => _values.ToDictionary(pair => pair.Key, pair => pair.Value[^1], StringComparer.Ordinal);

    public string? Text(string name) => _values.TryGetValue(name, out var values) ? values[^1] : null;

    public bool Switch(string name, bool otherwise) => Text(name) is { } text ? text is "true" or "1" or "t" : otherwise;

    /// <summary>All values of a list setting, commas split.</summary>
    public IReadOnlyList<string> List(string name) =>
        _values.TryGetValue(name, out var values) ? [.. values.SelectMany(value => value.Split(',', StringSplitOptions.RemoveEmptyEntries))] : [];

    /// <summary>The whole number of a setting.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public int Number(string name, int otherwise) => Text(name) is not { } text ? otherwise
        : int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UsageException($"{_flag}: {name}=\"{text}\" is not a whole number");

    /// <exception cref="UsageException">It is none.</exception>
    public double Fraction(string name, double otherwise) => Text(name) is not { } text ? otherwise
        : double.TryParse(text, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number) ? number
        : throw new UsageException($"{_flag}: {name}=\"{text}\" is not a number like 0.1");

    /// <summary>The duration of a setting, as Go writes it: <c>1h30m</c>, <c>40s</c>.</summary>
    /// <exception cref="UsageException">It is none.</exception>
    public TimeSpan Duration(string name, TimeSpan otherwise) => Text(name) is not { } text ? otherwise
        : GoDuration.Parse(text) is { } nanoseconds and >= 0 ? TimeSpan.FromTicks(nanoseconds / 100)
        : throw new UsageException($"{_flag}: {name}=\"{text}\" is no duration like 40s or 1h30m");

    /// <exception cref="UsageException">A name that the component does not have.</exception>
    public static ComponentArguments Parse(string flag, IReadOnlyList<string> texts, IReadOnlySet<string> known)
    {
        var arguments = new ComponentArguments(flag);
        foreach (var text in texts)
        {
            var parts = text.TrimStart('-').Split('=', 2);
            // key+=v and key-=v add to K3s' own defaults; Bramble sets none of its own for these components.
            var name = parts[0].TrimEnd('+', '-');
            if (!known.Contains(name))
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
