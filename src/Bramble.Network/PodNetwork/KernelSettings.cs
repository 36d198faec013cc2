using System.Diagnostics;
using System.Globalization;
using Bramble.Network.Services;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.PodNetwork;

/// <summary>The kernel settings a node's network stands on. They are set at each start and left when Bramble stops, because pods go on.</summary>
internal static class KernelSettings
{
    private const string BridgeNetfilter = "/proc/sys/net/bridge/bridge-nf-call-iptables";

    /// <summary>Path below /proc/sys, value, and what does not work without it.</summary>
    private static readonly (string Path, string Value, string Purpose)[] Settings =
    [
        ("net/ipv4/ip_forward", "1", "pods reach nothing outside their node"),
        ("net/ipv4/conf/all/forwarding", "1", "pods reach nothing outside their node"),
        ("net/ipv4/conf/default/forwarding", "1", "pods reach nothing outside their node"),
        // 127.0.0.1:<NodePort> and the cluster DNS leave or enter with a loopback address; what comes from outside is dropped by our own rules.
        ("net/ipv4/conf/all/route_localnet", "1", "NodePorts on 127.0.0.1 and the cluster DNS do not answer"),
    ];

    private static readonly (string Path, string Value, string Purpose)[] SettingsV6 =
    [
        ("net/ipv6/conf/all/forwarding", "1", "IPv6 pods reach nothing outside their node"),
        ("net/ipv6/conf/default/forwarding", "1", "IPv6 pods reach nothing outside their node"),
    ];

    /// <param name="uplink">The link to other machines; null: not known.</param>
    public static void Apply(bool withV6, string? uplink, ILogger logger)
    {
        if (withV6 && uplink is not null) KeepRouterAdvertisements(uplink, logger);
        Apply(withV6 ? [.. Settings, .. SettingsV6] : Settings, logger);
    }

    // A kernel that forwards stops listening to routers (ip-sysctl: accept_ra), and the board would lose its IPv6 default route; 2 means: all the same. On the
    // uplink only: a pod must not play the router (CVE-2020-13401).
    private static void KeepRouterAdvertisements(string uplink, ILogger logger)
    {
        var path = $"net/ipv6/conf/{uplink}/accept_ra";
        if (!File.Exists("/proc/sys/" + path) || File.ReadAllText("/proc/sys/" + path).Trim() != "1") return;
        Apply([(path, "2", "this board may lose its IPv6 default route")], logger);
    }

    /// <summary>The limits of connection tracking that <c>--kube-proxy-arg</c> names; without a name the kernel's stay.</summary>
    public static void ApplyConntrack(ProxyOptions options, ILogger logger)
    {
        var settings = new List<(string, string, string)>();
        void Set(string name, int value)
        {
            if (value > 0) settings.Add(($"net/netfilter/nf_conntrack_{name}", value.ToString(CultureInfo.InvariantCulture), "the limit of --kube-proxy-arg does not hold"));
        }
        Set("max", options.ConntrackMax);
        Set("tcp_timeout_established", (int)options.EstablishedTimeout.TotalSeconds);
        Set("tcp_timeout_close_wait", (int)options.CloseWaitTimeout.TotalSeconds);
        Apply(settings, logger);
    }

    private static void Apply(IEnumerable<(string Path, string Value, string Purpose)> settings, ILogger logger)
    {
        foreach (var (path, value, purpose) in settings)
            if (Write("/proc/sys/" + path, value) is { } error) Log.SettingRefused(logger, path, value, purpose, error);
    }

    /// <summary>Makes bridged packets pass the IP rules, loading the module where it is one. False: this kernel has no bridge netfilter, so pods must not be neighbours on a bridge.</summary>
    public static bool EnableBridgeNetfilter()
    {
        if (!File.Exists(BridgeNetfilter)) LoadModule("br_netfilter");
        if (!File.Exists(BridgeNetfilter) || Write(BridgeNetfilter, "1") is not null) return false;
        _ = Write("/proc/sys/net/bridge/bridge-nf-call-ip6tables", "1");
        return true;
    }

    /// <summary>Null when it worked or was so already; else why not.</summary>
    public static string? Write(string path, string value)
    {
        try
        {
            if (File.ReadAllText(path).Trim() != value) File.WriteAllText(path, value);
            return null;
        }
        catch (Exception failed) when (failed is IOException or UnauthorizedAccessException)
        {
            return failed.Message;
        }
    }

    private static void LoadModule(string name)
    {
        var modprobe = new[] { "/usr/sbin/modprobe", "/sbin/modprobe" }.FirstOrDefault(File.Exists);
        if (modprobe is null) return;
        using var process = Process.Start(new ProcessStartInfo(modprobe, ["-q", name]) { RedirectStandardError = true });
        process?.WaitForExit(TimeSpan.FromSeconds(10));
    }
}
