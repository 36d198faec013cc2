using System.Globalization;
using System.Net.Sockets;
using Bramble.Api.Naming;
using k8s.Models;
using Microsoft.Extensions.Logging;

namespace Bramble.Network.Services.Health;

/// <summary>Answers <c>spec.healthCheckNodePort</c>: an outside load balancer asks each node whether it has endpoints of a Service with
/// externalTrafficPolicy: Local. 200 with some, 503 with none; the body is kube-proxy's. <see cref="Set"/> is for one caller at a time.</summary>
internal sealed class HealthCheckNodePorts(ProxyHealth proxy, TimeProvider time, ILogger logger) : IDisposable
{
    private readonly Dictionary<NamespacedName, Check> _checks = [];

    private sealed class Check(int port)
    {
        public int Port { get; } = port;
        public StatusPort? Listener { get; set; }
        public bool IsTold { get; set; }
        public int LocalEndpoints;
    }

    /// <summary>The port that a Service wants answered on every node; 0: none.</summary>
    public static int PortOf(V1Service? service) =>
        service?.Spec is { Type: "LoadBalancer", ExternalTrafficPolicy: "Local", HealthCheckNodePort: > 0 } spec ? spec.HealthCheckNodePort.Value : 0;

    /// <summary>Ready endpoints of this node.</summary>
    public static int CountLocal(IEnumerable<V1EndpointSlice> slices, string node) =>
        slices.SelectMany(s => s.Endpoints ?? []).Where(e => e.NodeName == node && e.Conditions?.Ready != false && e.Addresses is { Count: > 0 }).Select(e => e.Addresses[0]).Distinct().Count();

    public void Set(NamespacedName service, int port, int localEndpoints)
    {
        if (_checks.TryGetValue(service, out var known) && known.Port != port)
        {
            known.Listener?.Dispose();
            _checks.Remove(service);
            known = null;
        }
        if (port == 0) return;
        if (known is null) _checks[service] = known = new Check(port);
        Volatile.Write(ref known.LocalEndpoints, localEndpoints);
        // Not once for all: a port that was taken is tried again with each change of the Service.
        known.Listener ??= Open(service, known);
    }

    public void Dispose()
    {
        foreach (var check in _checks.Values) check.Listener?.Dispose();
    }

    private StatusPort? Open(NamespacedName service, Check check)
    {
        try
        {
            return StatusPort.Open(null, check.Port, _ => Answer(service, Volatile.Read(ref check.LocalEndpoints), proxy.IsHealthy), time, logger);
        }
        catch (SocketException taken)
        {
            if (!check.IsTold) Log.HealthPortTaken(logger, check.Port, service.ToString(), taken.Message);
            check.IsTold = true;
            return null;
        }
    }

    internal static StatusAnswer Answer(NamespacedName service, int localEndpoints, bool isProxyHealthy)
    {
        var count = localEndpoints.ToString(CultureInfo.InvariantCulture);
        return new StatusAnswer(
            localEndpoints > 0 && isProxyHealthy ? 200 : 503,
            $"{{\n\t\"service\": {{\n\t\t\"namespace\": \"{service.Namespace}\",\n\t\t\"name\": \"{service.Name}\"\n\t}},\n\t\"localEndpoints\": {count},\n\t\"serviceProxyHealthy\": {(isProxyHealthy ? "true" : "false")}\n}}",
            Headers: $"X-Load-Balancing-Endpoint-Weight: {count}\r\n");
    }
}
