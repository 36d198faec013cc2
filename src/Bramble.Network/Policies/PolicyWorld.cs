using System.Net;
using Bramble.Api.Naming;
using k8s.Models;

namespace Bramble.Network.Policies;

/// <summary>A Pod as policies see it. <c>IsLocal</c>: of this node, so that what is decided here is enforced here.</summary>
internal sealed record PolicyPod(NamespacedName Name, IDictionary<string, string>? Labels, IReadOnlyList<IPAddress> Ips, bool IsLocal, IReadOnlyList<PolicyPort> NamedPorts);

/// <summary>A container's port with a name; protocol in lower case.</summary>
internal readonly record struct PolicyPort(string Name, string Protocol, int Port);

/// <summary>Everything that a decision about policies reads.</summary>
/// <param name="Pods">Of all nodes, without those in their host's network and those that have ended.</param>
/// <param name="Namespaces">Labels by name.</param>
/// <param name="ClusterDns">Addresses of the cluster DNS in this process; empty: somebody else's, in pods.</param>
/// <param name="Ingress">Addresses from which the nodes' ingress proxies reach pods; empty: somebody else's, in pods.</param>
internal sealed record PolicyWorld(
    IReadOnlyList<V1NetworkPolicy> Policies,
    IReadOnlyList<PolicyPod> Pods,
    IReadOnlyDictionary<string, IDictionary<string, string>?> Namespaces,
    IReadOnlyList<IPAddress> ClusterDns,
    IReadOnlyList<IPAddress> Ingress);
