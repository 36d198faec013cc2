using Microsoft.Extensions.Logging;

namespace Bramble.Network;

internal static partial class Log
{
    [LoggerMessage(6001, LogLevel.Warning, "The kernel refused the service rules: {Error}. Loading all of them again in {Seconds} s.")]
    public static partial void RulesRefused(ILogger logger, string error, int seconds);

    [LoggerMessage(6002, LogLevel.Debug, "Refused commands:\n{Commands}")]
    public static partial void RefusedCommands(ILogger logger, string commands);

    [LoggerMessage(6003, LogLevel.Debug, "Loaded {Count} rule elements ({Family} address family).")]
    public static partial void RulesLoaded(ILogger logger, int count, string family);

    [LoggerMessage(6011, LogLevel.Warning, "Cannot set {Setting} to {Value}: {Error}. Without it {Consequence}.")]
    public static partial void SettingRefused(ILogger logger, string setting, string value, string consequence, string error);

    [LoggerMessage(6012, LogLevel.Information, "Pod network {PodCidrs} on {Bridge}, MTU {Mtu}.")]
    public static partial void PodNetworkReady(ILogger logger, string podCidrs, string bridge, int mtu);

    [LoggerMessage(6013, LogLevel.Information, "This kernel has no bridge netfilter (module br_netfilter): new pods get a link of their own to the node (CNI plugin ptp) in place of a port on a bridge.")]
    public static partial void NoBridgeNetfilter(ILogger logger);

    [LoggerMessage(6021, LogLevel.Debug, "Upstream DNS server {Server} did not answer: {Error}")]
    public static partial void UpstreamSilent(ILogger logger, System.Net.IPEndPoint server, string error);

    [LoggerMessage(6022, LogLevel.Debug, "A DNS client went away: {Error}")]
    public static partial void DnsClientGone(ILogger logger, string error);

    [LoggerMessage(6023, LogLevel.Error, "A DNS question failed in a way that should not happen.")]
    public static partial void DnsFailed(ILogger logger, Exception error);

    [LoggerMessage(6024, LogLevel.Warning, "Cannot read {Path}: {Error}. Names outside the cluster will not resolve; name another file with --resolv-conf.")]
    public static partial void NoResolvConf(ILogger logger, string path, string error);

    [LoggerMessage(6025, LogLevel.Warning, "{Path} names no usable nameserver. Names outside the cluster will not resolve; add one or name another file with --resolv-conf.")]
    public static partial void NoUpstream(ILogger logger, string path);

    [LoggerMessage(6027, LogLevel.Warning, "The DNS server {Server} of {Path} sends questions back to the cluster DNS; it is not asked any more. Take the cluster DNS address out of its upstream servers.")]
    public static partial void UpstreamLoop(ILogger logger, System.Net.IPEndPoint server, string path);

    [LoggerMessage(6029, LogLevel.Warning, "The nodes' lines of ConfigMap kube-system/coredns are not written: {Error} Tried again in a moment.")]
    public static partial void NodeHostsNotWritten(ILogger logger, string error);

    [LoggerMessage(6028, LogLevel.Warning, "ConfigMap kube-system/coredns-custom: {Refused}; the rest of it is in use.")]
    public static partial void CustomDnsRefused(ILogger logger, string refused);

    [LoggerMessage(6026, LogLevel.Warning, "Cannot publish the kube-dns Service: {Error}. The cluster DNS answers all the same; trying again in {Seconds} s.")]
    public static partial void KubeDnsNotPublished(ILogger logger, string error, int seconds);

    [LoggerMessage(6031, LogLevel.Information, "Let pods through another firewall: {Command}")]
    public static partial void AcceptInserted(ILogger logger, string command);

    [LoggerMessage(6032, LogLevel.Warning, "Another firewall drops pods' packets and does not let us add \"{Command}\": {Error}. Allow {PodCidrs} there (firewalld: firewall-cmd --permanent --zone=trusted --add-source=<CIDR>; firewall-cmd --reload).")]
    public static partial void AcceptRefused(ILogger logger, string command, string error, string podCidrs);

    [LoggerMessage(6033, LogLevel.Warning, "Somebody removed the service rules (nft flush ruleset?); they are loaded again.")]
    public static partial void RulesGone(ILogger logger);

    [LoggerMessage(6041, LogLevel.Information, "LoadBalancer Service {Service} has the addresses [{Addresses}].")]
    public static partial void LoadBalancerWritten(ILogger logger, string service, string addresses);

    [LoggerMessage(6042, LogLevel.Warning, "Cannot write the status of a LoadBalancer Service: {Error}. Trying again in {Seconds} s.")]
    public static partial void LoadBalancerNotWritten(ILogger logger, string error, int seconds);

    [LoggerMessage(6051, LogLevel.Information, "Pods of node {Node} ({PodCidr}) are reached through {Address}.")]
    public static partial void OverlayPeerKnown(ILogger logger, string node, string podCidr, string address);

    [LoggerMessage(6052, LogLevel.Information, "Pods of node {Node} ({PodCidr}) are no longer reached.")]
    public static partial void OverlayPeerGone(ILogger logger, string node, string podCidr);

    [LoggerMessage(6053, LogLevel.Warning, "The pod network to other nodes is not complete: {Error}. Trying again in {Seconds} s.")]
    public static partial void OverlayFailed(ILogger logger, string error, int seconds);

    [LoggerMessage(6071, LogLevel.Warning, "The kernel refused the rules of network policies: {Error}. Those of before stay in force; trying again in {Seconds} s.")]
    public static partial void PoliciesRefused(ILogger logger, string error, int seconds);

    [LoggerMessage(6072, LogLevel.Warning, "Pod {Namespace}/{Pod} starts although its network policies are not in force after {Seconds} s (is the API server away?).")]
    public static partial void PolicyLate(ILogger logger, string @namespace, string pod, int seconds);

    [LoggerMessage(6063, LogLevel.Warning, "Cannot listen on {Address} for the service proxy's state: {Error}. Services work all the same; free the port, or name another with --kube-proxy-arg=healthz-bind-address=… or metrics-bind-address=….")]
    public static partial void ProxyPortTaken(ILogger logger, System.Net.IPEndPoint address, string error);

    [LoggerMessage(6061, LogLevel.Warning, "Cannot answer health checks on port {Port} of Service {Service}: {Error}. Free the port, or give the Service another healthCheckNodePort.")]
    public static partial void HealthPortTaken(ILogger logger, int port, string service, string error);

    [LoggerMessage(6062, LogLevel.Debug, "A health check's client went away: {Error}")]
    public static partial void HealthClientGone(ILogger logger, string error);

    [LoggerMessage(6101, LogLevel.Information, "Ingress listens on {Endpoint} ({Origin}).")]
    public static partial void IngressListensOn(ILogger logger, System.Net.IPEndPoint endpoint, string origin);

    [LoggerMessage(6102, LogLevel.Warning, "Ingress cannot listen on {Endpoint}: in use by {Owner}. Stop it and the port is taken within 10 s, or switch the ingress off with --disable traefik. The node goes on.")]
    public static partial void IngressPortTaken(ILogger logger, System.Net.IPEndPoint endpoint, string owner);

    [LoggerMessage(6103, LogLevel.Warning, "Ingress cannot listen on {Endpoint}: {Error}. It is tried again every 10 s; --disable traefik switches the ingress off.")]
    public static partial void IngressPortRefused(ILogger logger, System.Net.IPEndPoint endpoint, string error);

    [LoggerMessage(6104, LogLevel.Warning, "Cannot read Secret {Secret} of an Ingress or Gateway: {Error}. Its hosts go on with the certificate of before, or the default one; trying again.")]
    public static partial void SecretNotRead(ILogger logger, string secret, string error);

    [LoggerMessage(6105, LogLevel.Warning, "Secret {Secret} of an Ingress or Gateway is no certificate: {Error}. Its hosts go on with the certificate of before, or the default one.")]
    public static partial void SecretWithoutCertificate(ILogger logger, string secret, string error);

    [LoggerMessage(6106, LogLevel.Warning, "Ingress {Ingress} is not served: {Reason}.")]
    public static partial void IngressRefused(ILogger logger, string ingress, string reason);

    [LoggerMessage(6107, LogLevel.Information, "{Line}")]
    public static partial void IngressAccess(ILogger logger, string line);

    [LoggerMessage(6108, LogLevel.Warning, "Cannot write the status of ingress objects: {Error}. Requests are served all the same; trying again in {Seconds} s.")]
    public static partial void IngressStatusNotWritten(ILogger logger, string error, int seconds);

    [LoggerMessage(6109, LogLevel.Warning, "Cannot create the ingress' own objects (IngressClass traefik, Gateway API definitions): {Error}. Trying again in {Seconds} s.")]
    public static partial void IngressObjectsNotWritten(ILogger logger, string error, int seconds);
}
