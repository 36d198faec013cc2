using System.Net;
using System.Text;
using System.Text.Json.Nodes;
using System.Threading.Channels;
using Bramble.Api.Errors;
using Bramble.Api.Naming;
using Bramble.Client;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Dns;

/// <summary>The key NodeHosts of K3s' ConfigMap <c>kube-system/coredns</c>: a hosts file in which a server keeps the nodes' lines, and to which people and tools add
/// names of their own. The cluster DNS answers both.</summary>
internal static class NodeHosts
{
    public const string Key = "NodeHosts";
    public static readonly NamespacedName MapName = new("kube-system", "coredns");
    private static readonly TimeSpan RetryAfter = TimeSpan.FromSeconds(10);

    /// <summary>The names of all lines, the nodes' too.</summary>
    public static Dictionary<string, NameRecords> Read(string? text)
    {
        var names = new Dictionary<string, NameRecords>(StringComparer.Ordinal);
        foreach (var line in (text ?? "").Split('\n'))
        {
            var words = line.Split('#')[0].Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries);
            if (words.Length < 2 || !IPAddress.TryParse(words[0], out var address)) continue;
            foreach (var name in words.Skip(1).Select(word => word.TrimEnd('.').ToLowerInvariant())) names[name] = names.GetValueOrDefault(name, NameRecords.Empty).With(NameRecords.OfAddresses([address]));
        }
        return names;
    }

    /// <summary>The file with a node's lines as they are now and everybody else's as they were.</summary>
    /// <param name="lines">Empty: the node is gone.</param>
    public static string With(string? text, string node, IReadOnlyList<string> lines)
    {
        var others = (text ?? "").Split('\n', StringSplitOptions.RemoveEmptyEntries).Where(line => line.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries) is not [_, var name, ..] || name != node);
        var written = new StringBuilder();
        foreach (var line in others.Concat(lines)) written.Append(line).Append('\n');
        return written.ToString();
    }

    /// <summary>A node's lines: each internal address with its name, and its host name where that is another.</summary>
    public static IReadOnlyList<string> LinesOf(V1Node? node)
    {
        var addresses = node?.Status?.Addresses ?? [];
        var host = addresses.FirstOrDefault(address => address.Type == "Hostname")?.Address;
        return [.. addresses.Where(address => address.Type == "InternalIP").Select(address => $"{address.Address} {node!.Metadata.Name}{(host is null || host == node.Metadata.Name ? "" : " " + host)}").Distinct()];
    }

    /// <summary>Keeps the nodes' lines; a server's work.</summary>
    public static async Task KeepAsync(IKubeClient client, IInformers informers, TimeProvider time, ILogger logger, CancellationToken cancel)
    {
        var changes = Channel.CreateUnbounded<(string Node, IReadOnlyList<string> Lines)>(new UnboundedChannelOptions { SingleReader = true });
        // Nodes change with every heartbeat, their lines hardly ever.
        using var subscription = informers.For(Resources.Nodes).Subscribe(change =>
        {
            var lines = LinesOf(change.New);
            if (change.Old is null || !lines.SequenceEqual(LinesOf(change.Old))) changes.Writer.TryWrite((change.Name.Name, lines));
        });
        while (await changes.Reader.WaitToReadAsync(cancel))
        {
            var pending = new List<(string Node, IReadOnlyList<string> Lines)>();
            while (changes.Reader.TryRead(out var change)) pending.Add(change);
            while (!await WriteAsync(client, pending, logger, cancel)) await Task.Delay(RetryAfter, time, cancel);
        }
    }

    private static async Task<bool> WriteAsync(IKubeClient client, List<(string Node, IReadOnlyList<string> Lines)> changes, ILogger logger, CancellationToken cancel)
    {
        try
        {
            var map = (await client.FindAsync(Resources.ConfigMaps, MapName, cancel))?.Model<V1ConfigMap>();
            var before = map?.Data?.TryGetValue(Key, out var known) == true ? known : null;
            var after = changes.Aggregate(before, (text, change) => With(text, change.Node, change.Lines)) ?? "";
            if (after == before) return true;
            var metadata = new JsonObject { ["name"] = MapName.Name, ["namespace"] = MapName.Namespace };
            var body = new JsonObject { ["apiVersion"] = "v1", ["kind"] = "ConfigMap", ["metadata"] = metadata, ["data"] = new JsonObject { [Key] = after } };
            if (map is null)
            {
                await client.CreateAsync(Resources.ConfigMaps, MapName, body, null, cancel);
                return true;
            }
            // Somebody may add a line meanwhile: then both of us look again.
            metadata["resourceVersion"] = map.Metadata.ResourceVersion;
            await client.PatchAsync(Resources.ConfigMaps, MapName, new Patch(PatchType.Merge, body), null, cancel);
            return true;
        }
        catch (StatusException refused)
        {
            Log.NodeHostsNotWritten(logger, refused.Message);
            return false;
        }
    }
}
