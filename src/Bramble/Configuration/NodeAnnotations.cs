using System.Buffers.Binary;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;

namespace Bramble.Configuration;

/// <summary>What a node says about how it was started, as K3s writes it: tools that upgrade and manage clusters compare it. Pure. Source: K3s' annotations
/// k3s.io/*; secrets are masked as there.</summary>
internal static class NodeAnnotations
{
    private const string Mask = "********";

    private static readonly HashSet<string> SecretFlags = new(StringComparer.Ordinal)
    {
        "token", "t", "agent-token", "datastore-endpoint", "etcd-s3-access-key", "etcd-s3-secret-key", "vpn-auth",
    };

    private static readonly HashSet<string> SecretVariables = new(StringComparer.Ordinal)
    {
        "K3S_TOKEN", "K3S_DATASTORE_ENDPOINT", "K3S_AGENT_TOKEN", "K3S_CLUSTER_SECRET", "K3S_VPN_AUTH",
    };

    /// <param name="command"><c>server</c> or <c>agent</c>.</param>
    /// <param name="line">Its arguments, the config file's among them.</param>
    public static IReadOnlyDictionary<string, string> Of(
        string command, IReadOnlyList<string> line, IReadOnlyDictionary<string, string> environment, string name, IReadOnlyList<IPAddress> ips, IReadOnlyList<IPAddress> externalIps,
        IReadOnlyList<string> internalDns, IReadOnlyList<string> externalDns)
    {
        var arguments = new JsonArray([.. Arguments(command, line).Select(argument => (JsonNode)argument)]).ToJsonString();
        var variables = new JsonObject([.. environment.Where(pair => pair.Key.StartsWith("K3S_", StringComparison.Ordinal)).OrderBy(pair => pair.Key, StringComparer.Ordinal)
            .Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)(SecretVariables.Contains(pair.Key) ? Mask : pair.Value)))]).ToJsonString();
        var annotations = new Dictionary<string, string>(StringComparer.Ordinal)
        {
            ["k3s.io/internal-ip"] = string.Join(',', ips),
            ["k3s.io/hostname"] = name,
            // The kubelet's, which K3s always tells its addresses: those of both families count, not another of the machine's.
            ["alpha.kubernetes.io/provided-node-ip"] = string.Join(',', ips.Take(2)),
            // Volumes of drivers are attached by the servers' controller, not by the node.
            ["volumes.kubernetes.io/controller-managed-attach-detach"] = "true",
            ["k3s.io/node-args"] = arguments,
            ["k3s.io/node-env"] = variables,
            ["k3s.io/node-config-hash"] = Base32(SHA256.HashData(Encoding.UTF8.GetBytes(arguments + variables))),
        };
        if (externalIps.Count > 0) annotations["k3s.io/external-ip"] = string.Join(',', externalIps);
        if (internalDns.Count > 0) annotations["k3s.io/internal-dns"] = string.Join(',', internalDns);
        if (externalDns.Count > 0) annotations["k3s.io/external-dns"] = string.Join(',', externalDns);
        return annotations;
    }

    // --flag=value is two words; what follows the name of a secret is masked, with one dash and with two (the config file's "t: secret" is -t=secret).
    private static IEnumerable<string> Arguments(string command, IReadOnlyList<string> line)
    {
        var isSecret = false;
        foreach (var word in line.SelectMany(word => word.StartsWith("--", StringComparison.Ordinal) || IsSecret(word.Split('=', 2)[0]) ? word.Split('=', 2) : [word]).Prepend(command))
        {
            yield return isSecret ? Mask : word;
            isSecret = !isSecret && IsSecret(word);
        }
    }

    private static bool IsSecret(string flag) => flag.StartsWith('-') && SecretFlags.Contains(flag.TrimStart('-'));

    /// <summary>RFC 4648, section 6, padded: 32 bytes are 52 letters and 4 signs.</summary>
    internal static string Base32(ReadOnlySpan<byte> bytes)
    {
        const string letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var text = new StringBuilder();
        Span<byte> block = stackalloc byte[8];
        for (var at = 0; at < bytes.Length; at += 5)
        {
            var part = bytes[at..Math.Min(at + 5, bytes.Length)];
            block.Clear();
            part.CopyTo(block[3..]);
            var bits = BinaryPrimitives.ReadUInt64BigEndian(block);
            var used = (part.Length * 8 + 4) / 5;
            for (var i = 0; i < 8; i++) text.Append(i < used ? letters[(int)(bits >> (35 - 5 * i) & 31)] : '=');
        }
        return text.ToString();
    }
}
