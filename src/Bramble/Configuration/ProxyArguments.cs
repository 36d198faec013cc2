using System.Net;
using Bramble.Flags;
using Bramble.Network.Services;

namespace Bramble.Configuration;

/// <summary><c>--kube-proxy-arg</c>: kube-proxy's settings that mean something for a proxy that is nftables inside this process; others are refused with the
/// reason. Source: kube-proxy's flags.</summary>
internal static class ProxyArguments
{
    private const string Flag = "--kube-proxy-arg";
    private const int ConntrackMinDefault = 131072;

    private static readonly HashSet<string> Known = new(StringComparer.Ordinal)
    {
        "conntrack-max-per-core", "conntrack-min", "conntrack-tcp-timeout-close-wait", "conntrack-tcp-timeout-established", "healthz-bind-address", "masquerade-all",
        "metrics-bind-address", "nodeport-addresses", "proxy-mode",
    };

    /// <param name="nodeIps">For <c>nodeport-addresses=primary</c>.</param>
    /// <param name="cores">Of this machine; conntrack's limit is a number for each.</param>
    /// <exception cref="UsageException">A value is wrong or means nothing here.</exception>
    public static ProxyOptions Read(IReadOnlyList<string> texts, IReadOnlyList<IPAddress> nodeIps, int cores)
    {
        var arguments = ComponentArguments.Parse(Flag, texts, Known);
        if (arguments.Text("proxy-mode") is { Length: > 0 } mode and not "nftables")
            throw new UsageException($"{Flag}: proxy-mode=\"{mode}\": Bramble's service proxy is nftables and has no other mode; leave it out");
        var defaults = new ProxyOptions();
        var perCore = arguments.Number("conntrack-max-per-core", 0);
        return new ProxyOptions
        {
            NodePortAddresses = NodePortAddresses(arguments.List("nodeport-addresses"), nodeIps),
            MasqueradesAll = arguments.Switch("masquerade-all", otherwise: false),
            HealthzAddress = Bind(arguments, "healthz-bind-address", defaults.HealthzAddress!),
            MetricsAddress = Bind(arguments, "metrics-bind-address", defaults.MetricsAddress!),
            // 4 cores and 32768 each are 131072.
            ConntrackMax = perCore == 0 ? 0 : Math.Max(perCore * cores, arguments.Number("conntrack-min", ConntrackMinDefault)),
            EstablishedTimeout = arguments.Duration("conntrack-tcp-timeout-established", TimeSpan.Zero),
            CloseWaitTimeout = arguments.Duration("conntrack-tcp-timeout-close-wait", TimeSpan.Zero),
        };
    }

    private static IReadOnlyList<IPNetwork> NodePortAddresses(IReadOnlyList<string> texts, IReadOnlyList<IPAddress> nodeIps)
    {
        if (texts is ["primary"]) return [.. nodeIps.Select(ip => new IPNetwork(ip, ip.GetAddressBytes().Length * 8))];
        return [.. texts.Select(text => IPNetwork.TryParse(text.Trim(), out var network) ? network
            : throw new UsageException($"{Flag}: nodeport-addresses=\"{text}\" is no network like 192.168.1.0/24, and \"primary\" stands alone"))];
    }

    // kube-proxy's own words: an address alone keeps the port, an empty text switches it off.
    private static IPEndPoint? Bind(ComponentArguments arguments, string name, IPEndPoint otherwise)
    {
        if (arguments.Text(name) is not { } text) return otherwise;
        if (text.Length == 0) return null;
        if (IPAddress.TryParse(text, out var address)) return new IPEndPoint(address, otherwise.Port);
        return IPEndPoint.TryParse(text, out var place) ? place.Port == 0 ? null : place : throw new UsageException($"{Flag}: {name}=\"{text}\" is no address and port like 127.0.0.1:{otherwise.Port}");
    }
}
