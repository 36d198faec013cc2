using System.Net;
using System.Net.Sockets;
using Bramble.Api.Naming;
using Bramble.Api.Selectors;
using Bramble.Flags;
using Bramble.Network;
using Bramble.Supervisor.Runtime;

namespace Bramble.Configuration;

/// <summary>Texts of flags as values. Each throws <see cref="UsageException"/>: one line with cause and fix.</summary>
internal static class FlagValues
{
    public static string NodeNameOf(FlagSet flags)
    {
        var name = flags.Text(ServerFlags.NodeName, Environment.MachineName).ToLowerInvariant();
        if (flags.Switch(ServerFlags.WithNodeId)) name += "-" + MachineId.Own();
        return Names.DnsSubdomain(name).FirstOrDefault() is { } complaint
            ? throw new UsageException($"\"{name}\" cannot be a node's name: {complaint}. Fix: --node-name NAME")
            : name;
    }

    public static IPAddress Address(string text, string flag) =>
        IPAddress.TryParse(text, out var address) ? address : throw new UsageException($"{flag}: \"{text}\" is no IP address");

    /// <summary>The address to listen on for who comes by these families; <c>[::]</c> takes IPv4 too.</summary>
    public static IPAddress AnyOf(IEnumerable<IPAddress> addresses) => addresses.Any(address => address.AddressFamily == AddressFamily.InterNetworkV6) ? IPAddress.IPv6Any : IPAddress.Any;

    public static IReadOnlyList<IPAddress> Addresses(IReadOnlyList<string> texts, string flag) => [.. texts.Select(text => Address(text, flag))];

    public static IReadOnlyList<IPNetwork> Networks(IReadOnlyList<string> texts, string flag) =>
        [.. texts.Select(text => IPNetwork.TryParse(text, out var range) ? range
            : throw new UsageException($"{flag}: \"{text}\" is no network like 10.42.0.0/16"))];

    public static int Port(FlagSet flags, Flag flag) =>
        flags.Number(flag) is var port && port is > 0 and < 65536 ? port : throw new UsageException($"--{flag.Name}: {port} is no port (1 to 65535)");

    public static (int, int) PortRange(string text)
    {
        var parts = text.Split('-');
        if (parts.Length == 2 && int.TryParse(parts[0], out var first) && int.TryParse(parts[1], out var last) && first > 0 && first <= last && last < 65536) return (first, last);
        throw new UsageException($"--service-node-port-range: \"{text}\" is no range like 30000-32767");
    }

    public static FlannelBackend Backend(string text) => text switch
    {
        "none" => FlannelBackend.None,
        "vxlan" => FlannelBackend.Vxlan,
        "host-gw" => FlannelBackend.HostGw,
        "wireguard-native" => FlannelBackend.WireguardNative,
        _ => throw new UsageException($"--flannel-backend: \"{text}\" is not one of none, vxlan, host-gw, wireguard-native"),
    };

    /// <summary>The word of <c>--flannel-backend</c>.</summary>
    public static string BackendName(FlannelBackend backend) => backend switch
    {
        FlannelBackend.None => "none",
        FlannelBackend.HostGw => "host-gw",
        FlannelBackend.WireguardNative => "wireguard-native",
        _ => "vxlan",
    };

    public static string EgressMode(string text) => text is "agent" or "cluster" or "pod" or "disabled"
        ? text
        : throw new UsageException($"--egress-selector-mode: \"{text}\" is not agent, cluster, pod or disabled");

    public static UnixFileMode Mode(string text)
    {
        try
        {
            return (UnixFileMode)Convert.ToInt32(text, 8);
        }
        catch (Exception error) when (error is FormatException or OverflowException or ArgumentException)
        {
            throw new UsageException($"--write-kubeconfig-mode: \"{text}\" is no octal mode like 0644");
        }
    }

    public static IReadOnlyDictionary<string, string> Labels(IReadOnlyList<string> texts) => texts
        .Select(text => text.Split('=', 2))
        .Select(parts => parts.Length == 2 && parts[0].Length > 0 ? parts : throw new UsageException($"--node-label: \"{parts[0]}\" must be KEY=VALUE"))
        .Select(parts => Checked("--node-label", parts[0], parts[1]))
        .GroupBy(pair => pair.Key).ToDictionary(group => group.Key, group => group.Last().Value, StringComparer.Ordinal);

    // The API server would refuse the node for it, again and again.
    private static KeyValuePair<string, string> Checked(string flag, string key, string value)
    {
        if (LabelRules.KeyErrors(key).FirstOrDefault() is { } wrongKey) throw new UsageException($"{flag}: \"{key}\": {wrongKey}");
        if (LabelRules.ValueErrors(value).FirstOrDefault() is { } wrongValue) throw new UsageException($"{flag}: \"{key}={value}\": {wrongValue}");
        if (flag == "--node-label" && !OwnNodeLabels.Contains(key))
            throw new UsageException($"--node-label: a node may not give itself \"{key}\", as it could draw others' pods to itself; on a server: kubectl label node NAME {key}={value}");
        return KeyValuePair.Create(key, value);
    }

    public static (string, string?, string) Taint(string text)
    {
        var colon = text.LastIndexOf(':');
        var effect = colon < 0 ? "" : text[(colon + 1)..];
        if (effect is not ("NoSchedule" or "PreferNoSchedule" or "NoExecute"))
            throw new UsageException($"--node-taint: \"{text}\" must be KEY=VALUE:EFFECT with effect NoSchedule, PreferNoSchedule or NoExecute");
        var pair = text[..colon].Split('=', 2);
        Checked("--node-taint", pair[0], pair.Length == 2 ? pair[1] : "");
        return (pair[0], pair.Length == 2 ? pair[1] : null, effect);
    }

    public static IReadOnlyList<string> DnsNames(FlagSet flags, Flag flag) =>
        [.. flags.Split(flag).Select(name => Names.DnsSubdomain(name).FirstOrDefault() is { } complaint ? throw new UsageException($"--{flag.Name}: \"{name}\": {complaint}") : name)];

    /// <summary>Where <c>--bind-address</c> has servers listen; null: it is not given.</summary>
    public static IPAddress? Bind(FlagSet flags) => flags.IsGiven(ServerFlags.BindAddress) ? Address(flags.Text(ServerFlags.BindAddress)!, "--bind-address") : null;

    public static Registries Registries(FlagSet flags)
    {
        try
        {
            return Supervisor.Runtime.Registries.Load(flags.Text(ServerFlags.PrivateRegistry)!);
        }
        catch (InvalidDataException wrong)
        {
            throw new UsageException($"--private-registry: {wrong.Message}");
        }
    }

    public static string? Secret(FlagSet flags, Flag direct, Flag file)
    {
        if (flags.Text(direct) is { Length: > 0 } secret) return secret;
        if (flags.Text(file) is not { Length: > 0 } path) return null;
        return File.Exists(path) ? File.ReadAllText(path).Trim() : throw new UsageException($"--{file.Name}: {path} does not exist");
    }
}
