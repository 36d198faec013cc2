using System.Text.Json;
using System.Text.Json.Nodes;
using Bramble.Flags;
using Bramble.Network;

namespace Bramble.Configuration;

/// <summary><c>--flannel-conf</c>: flannel's net-conf.json in place of what the cluster says, for this node. <c>Backend</c> null: the file names none.
/// A field that has no meaning here is refused, never ignored.</summary>
internal sealed record FlannelConf(FlannelBackend? Backend, int VxlanId = 1, int VxlanPort = 8472, bool RoutesDirectly = false)
{
    public static readonly FlannelConf None = new(Backend: null);

    private static readonly HashSet<string> Understood = new(StringComparer.Ordinal) { "Type", "VNI", "Port", "DirectRouting", "PersistentKeepaliveInterval" };

    /// <exception cref="UsageException">The file is missing, malformed or wants what is not there.</exception>
    public static FlannelConf Read(string? path)
    {
        if (path is not { Length: > 0 }) return None;
        if (!File.Exists(path)) throw new UsageException($"--flannel-conf: {path} does not exist");
        try
        {
            if (JsonNode.Parse(File.ReadAllText(path))?["Backend"] is not JsonObject backend) return None;
            if (backend.FirstOrDefault(field => !Understood.Contains(field.Key)).Key is { } unknown)
                throw new UsageException($"--flannel-conf: {path}: Bramble has no Backend.{unknown} (there are: {string.Join(", ", Understood)})");
            FlannelBackend? type = backend["Type"]?.GetValue<string>() switch
            {
                null => null,
                "vxlan" => FlannelBackend.Vxlan,
                "host-gw" => FlannelBackend.HostGw,
                "wireguard" => FlannelBackend.WireguardNative,
                var other => throw new UsageException($"--flannel-conf: {path}: Backend.Type \"{other}\" is not one of vxlan, host-gw, wireguard"),
            };
            var port = type == FlannelBackend.WireguardNative ? null : backend["Port"]?.GetValue<int>();
            return new FlannelConf(type, backend["VNI"]?.GetValue<int>() ?? None.VxlanId, port ?? None.VxlanPort, backend["DirectRouting"]?.GetValue<bool>() ?? false);
        }
        catch (Exception malformed) when (malformed is JsonException or InvalidOperationException or FormatException)
        {
            throw new UsageException($"--flannel-conf: {path} is no net-conf.json: {malformed.Message}");
        }
    }

    /// <summary>The text of <c>--flannel-cni-conf</c>; null: not given.</summary>
    /// <exception cref="UsageException">The file is missing.</exception>
    public static string? CniConf(string? path) => path is not { Length: > 0 } ? null : File.Exists(path) ? File.ReadAllText(path) : throw new UsageException($"--flannel-cni-conf: {path} does not exist");
}
