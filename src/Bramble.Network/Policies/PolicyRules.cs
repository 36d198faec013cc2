using System.Globalization;
using System.Net;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using Bramble.Api.Selectors;
using Bramble.Network.Services;
using k8s.Models;

namespace Bramble.Network.Policies;

/// <summary>NetworkPolicies as nftables rules of this node's pods. Pure. Source: networking.k8s.io/v1 NetworkPolicy; connections that are established go on,
/// as the usual implementations have it; the pod's own node always reaches it; a pod always reaches itself.</summary>
/// <remarks>A new connection pays one look-up of its pod's address, and the rules of that pod's policies only if there are any. Peers are sets of addresses,
/// so a pod that comes or goes changes elements, no rule. Egress and ingress have base chains of their own: a packet between two pods of a node must pass both.</remarks>
internal static class PolicyRules
{
    private const string DnsPort = "53";
    private static readonly Dictionary<string, string> DnsLabels = new() { ["k8s-app"] = "kube-dns" };
    private static readonly Dictionary<string, string> IngressLabels = new() { ["app.kubernetes.io/name"] = "traefik" };

    public static PolicyTable Decide(PolicyWorld world, IpFamily family)
    {
        var table = new PolicyTable(family == IpFamily.V6 ? "ip6" : "ip");
        var compiler = new Compiler(world, family, table);
        foreach (var policy in world.Policies) compiler.Add(policy);
        compiler.Finish();
        return table;
    }

    private enum Direction { Ingress, Egress }

    private sealed class Compiler(PolicyWorld world, IpFamily family, PolicyTable table)
    {
        private readonly string _ip = family == IpFamily.V6 ? "ip6" : "ip";
        private readonly string _address = family == IpFamily.V6 ? "ipv6_addr" : "ipv4_addr";
        private readonly Dictionary<string, SortedSet<string>> _ingress = new(StringComparer.Ordinal);
        private readonly Dictionary<string, SortedSet<string>> _egress = new(StringComparer.Ordinal);
        // Protocols by which an isolated pod may ask the cluster DNS.
        private readonly Dictionary<string, HashSet<string>> _dns = new(StringComparer.Ordinal);

        public void Add(V1NetworkPolicy policy)
        {
            var space = policy.Metadata.NamespaceProperty;
            var selector = SelectorOf(policy.Spec?.PodSelector ?? new V1LabelSelector());
            var selected = world.Pods.Where(pod => pod.IsLocal && pod.Name.Namespace == space && selector.Matches(pod.Labels)).ToList();
            var addresses = selected.SelectMany(Ips).ToList();
            if (addresses.Count == 0) return;
            var spec = policy.Spec!;
            var types = spec.PolicyTypes is { Count: > 0 } given ? given : spec.Egress is { Count: > 0 } ? ["Ingress", "Egress"] : ["Ingress"];
            var id = Hash($"{space}/{policy.Metadata.Name}");
            if (types.Contains("Ingress"))
            {
                var rules = (spec.Ingress ?? []).SelectMany((rule, i) => Rules(Direction.Ingress, $"{id}-i{Number(i)}", space, rule.FromProperty, rule.Ports, selected)).ToList();
                Isolate(_ingress, addresses, "in-" + id, rules);
            }
            if (types.Contains("Egress"))
            {
                var rules = (spec.Egress ?? []).SelectMany((rule, i) => Rules(Direction.Egress, $"{id}-e{Number(i)}", space, rule.To, rule.Ports, selected)).ToList();
                Isolate(_egress, addresses, "out-" + id, rules);
                foreach (var address in addresses)
                {
                    if (!_dns.TryGetValue(address, out var allowed)) _dns[address] = allowed = [];
                    foreach (var rule in spec.Egress ?? []) allowed.UnionWith(DnsProtocols(space, rule));
                }
            }
        }

        /// <summary>Leads each isolated pod's address to a chain that asks its policies and then drops.</summary>
        public void Finish()
        {
            if (_ingress.Count + _egress.Count == 0) return;
            var self = table.Set("self", $"type {_address} . {_address};");
            foreach (var address in _ingress.Keys.Concat(_egress.Keys)) self.Elements.Add($"{address} . {address}");
            List<string> first = ["ct state established,related accept"];
            // Neighbour discovery crosses the bridge, and with bridge netfilter this chain.
            if (family == IpFamily.V6) first.Add("icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert, nd-router-solicit, nd-router-advert } accept");
            first.Add($"{_ip} saddr . {_ip} daddr @self accept");
            var verdicts = $"type {_address} : verdict;";
            if (_ingress.Count > 0)
            {
                Lead(_ingress, table.Set("ingress", verdicts, "map"), "to");
                Base("ingress-forward", "type filter hook forward priority -1; policy accept;", [.. first, $"{_ip} daddr vmap @ingress"]);
            }
            if (_egress.Count == 0) return;
            Lead(_egress, table.Set("egress", verdicts, "map"), "from");
            Base("egress-forward", "type filter hook forward priority -2; policy accept;", [.. first, $"{_ip} saddr vmap @egress"]);
            var input = new List<string>(first);
            var dns = world.ClusterDns.Where(IsOfFamily).Select(address => address.ToString()).ToList();
            if (dns.Count > 0)
            {
                table.Set("cluster-dns", $"type {_address};").Elements.UnionWith(dns);
                foreach (var protocol in (ReadOnlySpan<string>)["udp", "tcp"])
                {
                    var map = table.Set($"egress-dns-{protocol}", verdicts, "map");
                    foreach (var (address, allowed) in _dns) map.Elements.Add($"{address} : {(allowed.Contains(protocol) ? "accept" : "drop")}");
                    // The question has been sent on to this node's own server by now; what the pod asked is in its connection.
                    input.Add($"meta l4proto {protocol} ct original {_ip} daddr @cluster-dns ct original proto-dst {DnsPort} {_ip} saddr vmap @egress-dns-{protocol}");
                }
            }
            input.Add($"{_ip} saddr vmap @egress");
            Base("egress-input", "type filter hook input priority -2; policy accept;", input);
        }

        private void Base(string name, string hook, IReadOnlyList<string> rules)
        {
            table.Hooks[name] = hook;
            table.Chains[name] = rules;
        }

        private void Isolate(Dictionary<string, SortedSet<string>> isolated, List<string> addresses, string chain, List<string> rules)
        {
            table.Chains[chain] = rules;
            foreach (var address in addresses)
            {
                if (!isolated.TryGetValue(address, out var chains)) isolated[address] = chains = new SortedSet<string>(StringComparer.Ordinal);
                chains.Add(chain);
            }
        }

        // Pods with the same policies share a chain.
        private void Lead(Dictionary<string, SortedSet<string>> isolated, PolicySet map, string prefix)
        {
            foreach (var (address, policies) in isolated)
            {
                var chain = $"{prefix}-{Hash(string.Join(' ', policies))}";
                table.Chains[chain] = [.. policies.Select(policy => $"jump {policy}"), "drop"];
                map.Elements.Add($"{address} : goto {chain}");
            }
        }

        private IEnumerable<string> Rules(
            Direction direction, string id, string space, IList<V1NetworkPolicyPeer>? peers, IList<V1NetworkPolicyPort>? ports, IReadOnlyList<PolicyPod> selected)
        {
            var matchesPeers = PeerMatches(direction, id, space, peers).ToList();
            var matchesPorts = PortMatches(direction, id, space, peers, ports, selected).ToList();
            foreach (var peer in matchesPeers)
                foreach (var port in matchesPorts) yield return string.Join(' ', new[] { peer, port, "accept" }.Where(part => part.Length > 0));
        }

        private IEnumerable<string> PeerMatches(Direction direction, string id, string space, IList<V1NetworkPolicyPeer>? peers)
        {
            var field = direction == Direction.Ingress ? "saddr" : "daddr";
            if (peers is not { Count: > 0 })
            {
                yield return "";
                yield break;
            }
            if (peers.Any(peer => peer.IpBlock is null))
            {
                var set = table.Set("peers-" + id, $"type {_address};");
                set.Elements.UnionWith(PeerPods(space, peers).SelectMany(Ips));
                if (direction == Direction.Ingress && SelectsVirtual(space, peers, IngressLabels)) set.Elements.UnionWith(world.Ingress.Where(IsOfFamily).Select(address => address.ToString()));
                yield return $"{_ip} {field} @peers-{id}";
            }
            foreach (var block in peers.Select(peer => peer.IpBlock).OfType<V1IPBlock>())
            {
                if (Network(block.Cidr) is not { } cidr) continue;
                var except = Outermost((block.Except ?? []).Select(Network).OfType<IPNetwork>());
                yield return $"{_ip} {field} {cidr}" + (except.Count == 0 ? "" : $" {_ip} {field} != {{ {string.Join(", ", except)} }}");
            }
        }

        private IEnumerable<string> PortMatches(
            Direction direction, string id, string space, IList<V1NetworkPolicyPeer>? peers, IList<V1NetworkPolicyPort>? ports, IReadOnlyList<PolicyPod> selected)
        {
            if (ports is not { Count: > 0 })
            {
                yield return "";
                yield break;
            }
            var named = ports.Where(port => port.Port is not null && !int.TryParse(port.Port.Value, CultureInfo.InvariantCulture, out _)).ToList();
            if (named.Count > 0)
            {
                // A name means the receiving pod's own port of that name.
                var receivers = direction == Direction.Ingress ? selected : peers is { Count: > 0 } ? PeerPods(space, peers) : world.Pods;
                var set = table.Set("ports-" + id, $"type {_address} . inet_proto . inet_service;");
                foreach (var pod in receivers)
                    foreach (var port in pod.NamedPorts.Where(port => named.Exists(wanted => wanted.Port.Value == port.Name && Protocol(wanted) == port.Protocol)))
                        set.Elements.UnionWith(Ips(pod).Select(address => $"{address} . {port.Protocol} . {Number(port.Port)}"));
                yield return $"{_ip} daddr . meta l4proto . th dport @ports-{id}";
            }
            foreach (var port in ports.Except(named))
            {
                var protocol = Protocol(port);
                if (port.Port is null) yield return $"meta l4proto {protocol}";
                else yield return $"meta l4proto {protocol} th dport {port.Port.Value}{(port.EndPort is { } end ? "-" + Number(end) : "")}";
            }
        }

        private HashSet<string> DnsProtocols(string space, V1NetworkPolicyEgressRule rule)
        {
            HashSet<string> allowed = [];
            var reaches = rule.To is not { Count: > 0 } || SelectsVirtual(space, rule.To, DnsLabels) || rule.To.Any(peer => peer.IpBlock is { } block
                && Network(block.Cidr) is { } cidr && world.ClusterDns.Any(address => cidr.Contains(address) && !(block.Except ?? []).Any(e => Network(e) is { } hole && hole.Contains(address))));
            if (!reaches) return allowed;
            if (rule.Ports is not { Count: > 0 }) return ["udp", "tcp"];
            foreach (var port in rule.Ports)
            {
                var protocol = Protocol(port);
                var isDns = port.Port is null
                    || (int.TryParse(port.Port.Value, CultureInfo.InvariantCulture, out var first) ? first <= 53 && 53 <= (port.EndPort ?? first) : port.Port.Value == (protocol == "tcp" ? "dns-tcp" : "dns"));
                if (isDns) allowed.Add(protocol);
            }
            return allowed;
        }

        private IReadOnlyList<PolicyPod> PeerPods(string space, IList<V1NetworkPolicyPeer> peers)
        {
            var matches = peers.Where(peer => peer.IpBlock is null).Select(peer => Matcher(space, peer)).ToList();
            return [.. world.Pods.Where(pod => matches.Exists(match => match(pod.Name.Namespace, pod.Labels)))];
        }

        // What this process does itself counts as the pod of kube-system that it replaces.
        private bool SelectsVirtual(string space, IList<V1NetworkPolicyPeer> peers, Dictionary<string, string> labels) =>
            peers.Any(peer => peer.IpBlock is null && Matcher(space, peer)("kube-system", labels));

        private Func<string, IDictionary<string, string>?, bool> Matcher(string space, V1NetworkPolicyPeer peer)
        {
            var pods = peer.PodSelector is null ? LabelSelector.Everything : SelectorOf(peer.PodSelector);
            if (peer.NamespaceSelector is null) return (ns, labels) => ns == space && pods.Matches(labels);
            var namespaces = SelectorOf(peer.NamespaceSelector);
            return (ns, labels) => world.Namespaces.TryGetValue(ns, out var own) && namespaces.Matches(own) && pods.Matches(labels);
        }

        private IEnumerable<string> Ips(PolicyPod pod) => pod.Ips.Where(IsOfFamily).Select(address => address.ToString());

        private bool IsOfFamily(IPAddress address) => ServiceFrontEnds.FamilyOf(address) == family;

        // Host bits are cut off: 10.0.0.7/24 means 10.0.0.0/24.
        private IPNetwork? Network(string? text)
        {
            var parts = text?.Split('/') ?? [];
            if (parts.Length != 2 || !IPAddress.TryParse(parts[0], out var address) || !IsOfFamily(address) || !int.TryParse(parts[1], CultureInfo.InvariantCulture, out var length)) return null;
            var bytes = address.GetAddressBytes();
            if (length < 0 || length > bytes.Length * 8) return null;
            for (var i = 0; i < bytes.Length; i++) bytes[i] &= (byte)(0xff00 >> Math.Clamp(length - i * 8, 0, 8));
            return new IPNetwork(new IPAddress(bytes), length);
        }

        // The kernel refuses intervals that overlap; of two networks that do, one holds the other.
        private static List<IPNetwork> Outermost(IEnumerable<IPNetwork> networks)
        {
            var all = networks.Distinct().ToList();
            return [.. all.Where(a => !all.Exists(b => b.PrefixLength < a.PrefixLength && b.Contains(a.BaseAddress)))];
        }
    }

    private static string Protocol(V1NetworkPolicyPort port) => (port.Protocol ?? "TCP").ToLowerInvariant();

    private static LabelSelector SelectorOf(V1LabelSelector selector)
    {
        var tree = new JsonObject();
        if (selector.MatchLabels is { Count: > 0 } labels) tree["matchLabels"] = new JsonObject([.. labels.Select(l => KeyValuePair.Create(l.Key, (JsonNode?)l.Value))]);
        if (selector.MatchExpressions is { Count: > 0 } expressions)
            tree["matchExpressions"] = new JsonArray([.. expressions.Select(e => (JsonNode)new JsonObject
            {
                ["key"] = e.Key,
                ["operator"] = e.OperatorProperty,
                ["values"] = new JsonArray([.. (e.Values ?? []).Select(v => (JsonNode)v)]),
            })]);
        return LabelSelector.FromObject(tree);
    }

    private static string Hash(string text) => Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(text)).AsSpan(0, 8));

    private static string Number(int value) => value.ToString(CultureInfo.InvariantCulture);
}
