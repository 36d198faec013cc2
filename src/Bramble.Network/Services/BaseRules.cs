using System.Net;

namespace Bramble.Network.Services;

/// <summary>What of the tables does not depend on Services: sets, maps, chains and hooks of one family. Pure text in nft's language.</summary>
/// <remarks>Tables are our own (<c>ip bramble</c>, <c>ip6 bramble</c>), so that nobody's reload touches them and ours touches nobody's. Our NAT hooks run
/// just before the usual priorities: a NodePort is decided before Docker's published ports are looked at. A pod of another node that comes with its own
/// address (IPv6 without masquerade) to a NodePort here gets this node's, or a backend elsewhere would answer it directly and untranslated.</remarks>
internal static class BaseRules
{
    public const string Table = "bramble";

    /// <summary>Tables of ours: this one and those named after it.</summary>
    public static bool IsOurs(string table) => table.StartsWith(Table, StringComparison.Ordinal);

    /// <summary>Protocols whose ports a Service may name.</summary>
    public static readonly IReadOnlyList<string> Protocols = ["tcp", "udp", "sctp"];

    /// <summary>Where the answer of a neighbour on the bridge would go to the client directly and untranslated, it must go to the node.</summary>
    public const string NeighbourMasquerade = "ct status dnat iifname \"cni0\" oifname \"cni0\" masquerade fully-random";

    public static string Of(IpFamily family, BasePlan plan)
    {
        var v6 = family == IpFamily.V6;
        var ip = v6 ? "ip6" : "ip";
        var addr = v6 ? "ipv6_addr" : "ipv4_addr";
        var multicast = v6 ? "ff00::/8" : "224.0.0.0/4";
        var unreachable = v6 ? "icmpv6 port-unreachable" : "icmp port-unreachable";
        // ::1 is never routed off the loopback, whatever the settings; 127.0.0.0/8 is, once localhost NodePorts are to work (CVE-2020-8558).
        var guardLoopback = v6 ? "" : "iifname != \"lo\" ip daddr 127.0.0.0/8 drop";
        // A backend's packet outside its connection's window is not translated back: its client would end the connection that it does not know.
        var invalid = $"ct state invalid {ip} saddr @cluster_cidrs drop";
        // So nothing that is sent to ::1 can be sent on: it is for who listens there.
        var localhost = v6 ? "ip6 daddr ::1 return" : "";
        var keepSets = string.Concat(Protocols.Select(p => $"""
              set keep_source_{p} {"{"} type {addr} . inet_service; {"}"}
              set keep_source_node_{p} {"{"} type inet_service; {"}"}
              set masquerade_{p} {"{"} type {addr} . inet_service; {"}"}
              set masquerade_node_{p} {"{"} type inet_service; {"}"}

            """));
        var keepRules = string.Concat(Protocols.Select(p => $"""
                ct status dnat meta l4proto {p} ct original {ip} daddr . ct original proto-dst @keep_source_{p} fib saddr type != local return
                ct status dnat meta l4proto {p} ct original proto-dst @keep_source_node_{p} fib saddr type != local return

            """));
        var masqueradeRules = string.Concat(Protocols.Select(p => $"""
                meta l4proto {p} ct original {ip} daddr . ct original proto-dst @masquerade_{p} masquerade fully-random
                meta l4proto {p} ct original proto-dst @masquerade_node_{p} masquerade fully-random

            """));
        var masqueradePods = plan.MasqueradesPods ? $"{ip} saddr @cluster_cidrs {ip} daddr != @cluster_cidrs {ip} daddr != {multicast} masquerade fully-random" : "";
        var neighbours = plan.MasqueradesNeighbours ? NeighbourMasquerade : "";
        var dns = plan.DnsTarget is null ? "drop" : $"meta l4proto {{ tcp, udp }} dnat {ip} to {plan.DnsTarget}";
        // As in kube-proxy: a family that the list does not name is not limited.
        var isLimited = plan.NodePortAddresses.Any(network => ServiceFrontEnds.FamilyOf(network.BaseAddress) == family);
        var nodePorts = isLimited ? $"{ip} daddr @nodeport_addresses " : "";
        var outside = plan.MasqueradesAll ? "" : $"{ip} saddr != @cluster_cidrs ";
        return $$"""
            add table {{ip}} {{Table}}
            delete table {{ip}} {{Table}}
            table {{ip}} {{Table}} {
              set cluster_cidrs { type {{addr}}; flags interval; {{Elements(plan.ClusterCidrs, family)}} }
              set service_cidrs { type {{addr}}; flags interval; {{Elements(plan.ServiceCidrs, family)}} }
              set nodeport_addresses { type {{addr}}; flags interval; {{Elements(plan.NodePortAddresses, family)}} }
              set local_pods { type {{addr}}; flags interval; }
              set hairpin { type {{addr}} . {{addr}}; }
              set guarded { type {{addr}} . inet_proto . inet_service; }
              set allowed { type {{addr}} . inet_proto . inet_service . {{addr}}; flags interval; }
            {{keepSets}}
              map services { type {{addr}} . inet_proto . inet_service : verdict; }
              map services_external { type {{addr}} . inet_proto . inet_service : verdict; }
              map nodeports { type inet_proto . inet_service : verdict; }
              map nodeports_external { type inet_proto . inet_service : verdict; }
              map hostports { type inet_proto . inet_service : verdict; }

              chain refuse {
                meta l4proto tcp reject with tcp reset
                reject with {{unreachable}}
              }
              chain cluster-dns {
                {{dns}}
              }
              chain guarded-cluster-dns {
                {{ip}} saddr != @cluster_cidrs fib saddr type != local drop
                goto cluster-dns
              }
              chain guard {
                type filter hook prerouting priority dstnat - 10; policy accept;
                {{guardLoopback}}
                jump allowed-sources
              }
              chain local-guard {
                type filter hook output priority -110; policy accept;
                jump allowed-sources
              }
              chain allowed-sources {
                ct state new {{ip}} daddr . meta l4proto . th dport @guarded {{ip}} daddr . meta l4proto . th dport . {{ip}} saddr != @allowed drop
              }
              chain external {
                {{ip}} daddr . meta l4proto . th dport vmap @services_external
                fib daddr type local {{nodePorts}}meta l4proto . th dport vmap @nodeports_external
              }
              chain node {
                {{localhost}}
                {{nodePorts}}meta l4proto . th dport vmap @nodeports
                meta l4proto . th dport vmap @hostports
              }
              chain prerouting {
                type nat hook prerouting priority dstnat - 5; policy accept;
                {{ip}} saddr != @cluster_cidrs jump external
                {{ip}} daddr . meta l4proto . th dport vmap @services
                fib daddr type local goto node
              }
              chain output {
                type nat hook output priority -105; policy accept;
                {{ip}} daddr . meta l4proto . th dport vmap @services
                fib daddr type local goto node
              }
              chain postrouting {
                type nat hook postrouting priority srcnat - 5; policy accept;
                oifname "lo" return
                ct status dnat {{ip}} saddr . {{ip}} daddr @hairpin masquerade fully-random
                {{neighbours}}
            {{keepRules}}
                ct status dnat {{outside}}jump masquerade-services
                ct status dnat {{ip}} saddr @cluster_cidrs {{ip}} saddr != @local_pods jump masquerade-external
                {{masqueradePods}}
              }
              chain masquerade-services {
                ct original {{ip}} daddr @service_cidrs masquerade fully-random
                jump masquerade-external
              }
              chain masquerade-external {
            {{masqueradeRules}}
              }
              chain forward {
                type filter hook forward priority filter; policy accept;
                {{invalid}}
                ct state new {{ip}} daddr @service_cidrs goto refuse
              }
              chain local-output {
                type filter hook output priority filter; policy accept;
                ct state new {{ip}} daddr @service_cidrs goto refuse
              }
            }

            """;
    }

    /// <summary>Says which pods are this node's; until then none is, which costs no more than their addresses in other pods' logs.</summary>
    public static string LocalPods(IpFamily family, IReadOnlyList<IPNetwork> podCidrs)
    {
        var set = $"{(family == IpFamily.V6 ? "ip6" : "ip")} {Table} local_pods";
        var own = podCidrs.Where(cidr => ServiceFrontEnds.FamilyOf(cidr.BaseAddress) == family).ToList();
        return $"flush set {set}\n" + (own.Count == 0 ? "" : $"add element {set} {{ {string.Join(", ", own)} }}\n");
    }

    private static string Elements(IReadOnlyList<IPNetwork> networks, IpFamily family)
    {
        var own = networks.Where(n => ServiceFrontEnds.FamilyOf(n.BaseAddress) == family).ToList();
        return own.Count == 0 ? "" : $"elements = {{ {string.Join(", ", own)} }} ;";
    }
}

/// <summary>What <see cref="BaseRules"/> are made from. <c>DnsTarget</c>: address and port where the cluster DNS listens on this node; null: not here.
/// <c>MasqueradesPods</c>: pods go out with the node's address. <c>MasqueradesNeighbours</c>: nothing makes packets between pods of this node pass the rules.
/// <c>NodePortAddresses</c> empty: NodePorts answer on every address of the node.</summary>
internal sealed record BasePlan(IReadOnlyList<IPNetwork> ClusterCidrs, IReadOnlyList<IPNetwork> ServiceCidrs)
{
    public string? DnsTarget { get; init; }
    public bool MasqueradesPods { get; init; }
    public bool MasqueradesNeighbours { get; init; }
    public bool MasqueradesAll { get; init; }
    public IReadOnlyList<IPNetwork> NodePortAddresses { get; init; } = [];
}
